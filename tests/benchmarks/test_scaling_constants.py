import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.scaling.constants import Constants, Cost, kept, serial_share
from tuning.backbones.registry import BACKBONES
from tuning.backbones.transfer_model import TransferModel
from tuning.backbones.weights import load

SECONDS = st.floats(1e-6, 1e6)


@given(small=SECONDS, large=SECONDS, size=st.integers(64, 224))
def test_a_line_through_noisy_times_never_costs_less_than_nothing(
    small: float, large: float, size: int
) -> None:
    cost = Cost.through({64: small, 96: large}, serial=0.0)
    assert cost.seconds(96, cores=1) == pytest.approx(large)
    assert cost.seconds(size, cores=1) > 0


@given(serial=st.floats(0, 1), cores=st.integers(2, 128), one=SECONDS)
def test_the_serial_share_is_found_again(serial: float, cores: int, one: float) -> None:
    several = Cost(fixed=one, per_pixel=0, serial=serial).seconds(64, cores)
    assert serial_share(one, several, cores) == pytest.approx(serial, abs=1e-6)


def test_more_than_all_cores_gain_is_no_share_below_0() -> None:
    assert serial_share(one=10.0, several=4.0, cores=2) == 0
    assert serial_share(one=10.0, several=11.0, cores=2) == 1


@pytest.mark.parametrize("text", ["", "[]", '{"cores": 2}', "\0"])
def test_a_file_without_constants_is_named(text: str, tmp_path: Path) -> None:
    path = tmp_path / "constants.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"constants\.json holds no constants"):
        Constants.read(path)


@pytest.mark.parametrize("name", BACKBONES)
def test_the_projects_constants_have_the_shapes_of_each_cut(name: str) -> None:
    backbone = BACKBONES[name]
    constants = kept().backbones[name]
    assert len(constants.depths) == backbone.max_depth + 1
    if name not in ("googlenet", "vgg16"):  # the others take long to make
        return
    model = TransferModel(backbone, 96, load(backbone, "none"))
    for depth in range(backbone.max_depth):
        [output] = model.trunk([depth]).outputs
        assert constants.depths[depth].activations(96) == math.prod(output.shape[1:])

import pytest

from benchmarks import steps
from benchmarks.steps import Tail
from tuning.runs.settings import Settings


def test_a_step_is_timed_beside_its_forward_pass() -> None:
    settings = Settings(data="", backbones=("googlenet",), size=64, precision="float32")
    timed = list(steps.run(settings, [Tail(3, 1), Tail(1, 1), Tail(9, 1)], [8], rounds=2))
    assert [(each.stages, each.depth) for each in timed] == [(3, 1), (1, 1)]
    for each in timed:
        assert each.gmacs > 0 and each.optimizer > 0 and each.average > 0 and each.keras > 0
        assert each.step > each.forward > 0 and each.ratio > 1
    assert steps.table(settings, timed, 100.0).row_count == 2
    assert steps.content(settings, timed, 100.0)["steps"][0]["backbone"] == "googlenet"


@pytest.mark.parametrize("text", ["4", "4/1/1", "4/0", "4/5", "x/1", ""])
def test_what_is_no_tail_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"tail|depth"):
        Tail.of(text)

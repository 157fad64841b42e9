from pathlib import Path

import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_bundles import make_info, save_onnx

from inference import bundle
from inference.bundle import BundleError

TEXT = st.text(max_size=12)


@given(
    run=TEXT,
    synthetic=st.booleans(),
    temperature=st.floats(0.01, 100),
    band=st.none() | st.just({"low": 0.25, "high": 0.75, "share_uncertain": 0.1}),
    parameters=st.dictionaries(TEXT, st.none() | st.booleans() | st.integers() | TEXT, max_size=3),
    counts=st.dictionaries(TEXT, st.integers(0), max_size=3),
)
def test_metadata_carries_every_fact_but_the_files(
    run: str, synthetic: bool, temperature: float, band: object, parameters: dict, counts: dict
) -> None:
    info = make_info(
        run=run,
        synthetic=synthetic,
        temperature=temperature,
        band=band,
        hyperparameters=parameters,
        data={"name": run, "fingerprint": "{not json", "counts": counts},
    )
    metadata = bundle.to_metadata(info)
    assert all(isinstance(text, str) for text in metadata.values())
    assert bundle.from_metadata(metadata, Path("model.onnx")) == info


def test_an_onnx_file_without_our_facts_is_refused(tmp_path: Path) -> None:
    path = save_onnx(tmp_path / "foreign.onnx", make_info())
    model = onnx.load(path)
    with pytest.raises(BundleError, match=r"foreign\.onnx does not carry"):
        bundle.from_metadata({}, path)
    facts = {entry.key: entry.value for entry in model.metadata_props}
    with pytest.raises(BundleError, match=r"foreign\.onnx does not carry"):
        bundle.from_metadata(facts | {"labels": "woman, man"}, path)

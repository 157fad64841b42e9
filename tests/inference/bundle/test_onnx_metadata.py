import json
from pathlib import Path

import onnx
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tiny_bundles import SEVERAL, make_info, save_onnx

from inference import bundle
from inference.bundle import BundleError

SHARES = st.floats(0, 1)
TEXT = st.text(max_size=12)


NAMES = st.text(min_size=1, max_size=12).filter(
    lambda name: name.isprintable() and bool(name.strip()) and name != "uncertain"
)


def calibrations(width: int) -> st.SearchStrategy[dict]:
    biases = st.lists(st.floats(-50, 50), min_size=width, max_size=width)
    return st.fixed_dictionaries({"slope": st.floats(0.01, 100), "bias": biases})


@st.composite
def label_infos(draw: st.DrawFn) -> list[dict]:
    """Labels with any names, markup and quotes among them."""
    labels = []
    for number, name in enumerate(draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))):
        classes = draw(st.lists(NAMES, min_size=2, max_size=5, unique=True))
        least = draw(st.none() | st.lists(SHARES, min_size=len(classes), max_size=len(classes)))
        labels.append(
            {
                "name": name,
                "classes": classes,
                "output": f"p_{number}",
                "calibration": draw(
                    st.none() | calibrations(1 if len(classes) == 2 else len(classes))
                ),
                "operating_point": least and {"least": least, "share_uncertain": 0.1},
            }
        )
    return labels


@given(
    run=TEXT,
    synthetic=st.booleans(),
    labels=label_infos(),
    parameters=st.dictionaries(TEXT, st.none() | st.booleans() | st.integers() | TEXT, max_size=3),
    counts=st.dictionaries(TEXT, st.integers(0), max_size=3),
)
def test_metadata_carries_every_fact_but_the_files(
    run: str, synthetic: bool, labels: list[dict], parameters: dict, counts: dict
) -> None:
    try:
        info = make_info(
            run=run,
            synthetic=synthetic,
            labels=labels,
            hyperparameters=parameters,
            data={"name": run, "fingerprint": "{not json", "counts": counts},
        )
    except ValueError as error:
        assume("occurs twice" not in str(error))  # "p_x:y:z" of two labels
        raise
    metadata = bundle.to_metadata(info)
    assert all(isinstance(text, str) for text in metadata.values())
    assert bundle.from_metadata(metadata, Path("model.onnx")) == info


def test_labels_are_read_by_json_alone() -> None:
    """As the lines in the guide do."""
    metadata = bundle.to_metadata(make_info(of=SEVERAL))
    labels = json.loads(metadata["labels"])
    assert [label["output"] for label in labels] == ["p_Smiling", "p_Eyeglasses", "p_hair_color"]
    assert labels[2]["classes"] == ["red", "green", "blue"]
    assert labels[2]["operating_point"]["least"] == [0.5, 0.5, 0.5]
    assert (metadata["input.size"], metadata["input.framing"]) == ("16", "stretch")


@pytest.mark.parametrize(
    "change",
    [
        {"labels": "woman, man"},
        {"labels": "[" * 100_000},
        {"schema_version": "3"},
        {"schema_version": "True"},
    ],
)
def test_an_onnx_file_without_our_facts_is_refused(tmp_path: Path, change: dict) -> None:
    path = save_onnx(tmp_path / "foreign.onnx", make_info())
    with pytest.raises(BundleError, match=r"foreign\.onnx does not carry"):
        bundle.from_metadata({}, path)
    facts = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    with pytest.raises(BundleError, match=r"foreign\.onnx does not carry"):
        bundle.from_metadata(facts | change, path)

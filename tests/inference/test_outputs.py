"""Where the rows of `predict` go: what is kept of an output that was cut off."""

from collections import Counter
from pathlib import Path

import pytest

from inference.predict.outputs import CSV, FIELDS, JSONL, Output, Row, RowFormat
from inference.predict.run_record import RowSettings, RunRecord

RECORD = RunRecord(settings=RowSettings(model="vgg16", framing="face"))
FACES = {"a.png": 1, "b, 2.png": 3, "c.png": 2}


def rows_of(file: str) -> list[Row]:
    return [dict.fromkeys(FIELDS, "") | {"file": file, "face": face} for face in range(FACES[file])]


def written(row_format: RowFormat, target: Path) -> Output:
    output = Output(row_format, target)
    with output.open(RECORD) as write:
        for file in FACES:
            write(rows_of(file))
    return output


@pytest.mark.parametrize("row_format", [CSV, JSONL])
def test_of_a_file_all_faces_are_kept_or_none(row_format: RowFormat, tmp_path: Path) -> None:
    """Wherever the output is cut off, inside the name of a file too."""
    output = written(row_format, tmp_path / "out")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    whole, kept = before[output.target], set()
    for cut in (*range(len(row_format.head), len(whole), 5), len(whole)):
        for path, content in before.items():
            path.write_bytes(content)
        output.target.write_bytes(whole[:cut])
        finished = output.finished()
        with output.open(RECORD, keep=lambda _: True):
            pass
        with output.target.open(newline="") as stream:
            faces = Counter(str(row["file"]) for row in row_format.read(stream))
        assert faces == {file: FACES[file] for file in finished}
        kept.add(len(finished))
    assert kept == {0, 1, 2, 3}

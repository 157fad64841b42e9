"""Where the rows of `predict` go: what of a broken-off output is gone on with, and for whom."""

from collections import Counter
from pathlib import Path

import pytest

from inference.predict.outputs import CSV, FIELDS, JSONL, Form, Output, Row
from inference.predict.run_record import RunRecord

FACES = {"a.png": 1, "b, 2.png": 3, "c.png": 2}


def rows_of(file: str) -> list[Row]:
    return [dict.fromkeys(FIELDS, "") | {"file": file, "face": face} for face in range(FACES[file])]


def written(form: Form, target: Path) -> Output:
    output = Output(form, target)
    with output.open(RunRecord({})) as write:
        for file in FACES:
            write(rows_of(file))
    return output


@pytest.mark.parametrize("form", [CSV, JSONL])
def test_of_a_file_all_faces_are_kept_or_none(form: Form, tmp_path: Path) -> None:
    """Wherever the output is broken off, inside the name of a file too."""
    output = written(form, tmp_path / "out")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    whole, kept = before[output.target], set()
    for cut in (*range(len(form.head), len(whole), 5), len(whole)):
        for path, content in before.items():
            path.write_bytes(content)
        output.target.write_bytes(whole[:cut])
        finished = output.finished()
        with output.open(RunRecord({}), keep=lambda _: True):
            pass
        with output.target.open(newline="") as stream:
            faces = Counter(str(row["file"]) for row in form.read(stream))
        assert faces == {file: FACES[file] for file in finished}
        kept.add(len(finished))
    assert kept == {0, 1, 2, 3}

import csv
import io

from data import GENDER
from inference.predict.rows import csv_columns, csv_text, written_name

COLUMNS = csv_columns([GENDER])


def test_csv_of_names_from_anywhere() -> None:
    row = dict.fromkeys(COLUMNS) | {"file": "=cmd;@x\r.jpg", "p_man": 1e-7}
    text = csv_text([row], [GENDER])
    assert text == f'{",".join(COLUMNS)}\n"./=cmd;@x\r.jpg",,,,,,,0.000000,,\n'
    assert next(csv.DictReader(io.StringIO(text, newline="")))["file"] == "./=cmd;@x\r.jpg"
    assert written_name("plain.jpg") == "plain.jpg" and written_name("/=x") == "/=x"

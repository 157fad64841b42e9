import csv
import io

from inference.predict.rows import HEADER, csv_text, written_name


def test_csv_of_names_from_anywhere() -> None:
    row = dict.fromkeys(HEADER.split(",")) | {"file": "=cmd;@x\r.jpg", "p_man": 1e-7}
    text = csv_text([row])
    assert text == f'{HEADER}\n"./=cmd;@x\r.jpg",,,,,,,0.000000,,\n'
    assert next(csv.DictReader(io.StringIO(text, newline="")))["file"] == "./=cmd;@x\r.jpg"
    assert written_name("plain.jpg") == "plain.jpg" and written_name("/=x") == "/=x"

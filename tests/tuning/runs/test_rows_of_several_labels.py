import pandas as pd

from tuning.runs.run_folder import rows_fingerprint


def test_each_label_counts_in_the_fingerprint_of_the_rows() -> None:
    rows = pd.DataFrame(
        {
            "path": ["a", "b"],
            "label:gender": [0, 1],
            "label:Smiling": [1, 1],
            "identity": ["p", "q"],
            "split": "train",
            "Hat": [True, False],
        }
    )
    fingerprint = rows_fingerprint(rows)
    assert rows_fingerprint(rows.assign(**{"label:Smiling": [1, 0]})) != fingerprint
    assert rows_fingerprint(rows.assign(**{"label:gender": [1, 1]})) != fingerprint
    assert rows_fingerprint(rows.assign(Hat=True)) == fingerprint

from pathlib import Path

from small_search import chosen, result_of

from tuning.runs.study_folder import StudyFolder


def test_the_best_weights_are_those_of_the_best_result(tmp_path: Path) -> None:
    records = StudyFolder(tmp_path)
    kept = [
        records.keep_if_best(result_of(chosen(0), brier=brier), f"{brier}".encode())
        for brier in (0.3, 0.1, 0.2)
    ]
    assert kept == [True, True, False]
    assert records.best_weights.read_bytes() == b"0.1"

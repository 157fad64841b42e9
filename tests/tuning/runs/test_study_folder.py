from pathlib import Path

from small_search import FakeTail, chosen, result_of

from tuning.runs.study_folder import StudyFolder


def test_the_best_weights_are_those_of_the_best_result(tmp_path: Path) -> None:
    records = StudyFolder(tmp_path)
    tails = {brier: FakeTail(f"{brier}".encode()) for brier in (0.3, 0.1, 0.2)}
    kept = [
        records.keep_if_best(result_of(chosen(0), brier=brier), tail)  # type: ignore[arg-type]
        for brier, tail in tails.items()
    ]
    assert kept == [True, True, False]
    assert records.best_weights.read_bytes() == b"0.1"

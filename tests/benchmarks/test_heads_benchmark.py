from benchmarks import heads
from benchmarks.workload import Workload
from tuning.backbones.registry import BACKBONES


def test_each_stage_and_grid_is_solved_and_scored_on_all_parts(workload: Workload) -> None:
    solved = heads.run(workload)
    assert {head.stages for head in solved} == set(BACKBONES["googlenet"].attach)
    assert (2, 4) in {(head.stages, head.grid) for head in solved}
    for head in solved:
        assert list(head.accuracy) == list(head.brier) == ["train", "val", "test"]
        assert all(0 <= value <= 1 for value in head.accuracy.values())
        assert head.penalty > 0 and head.seconds > 0
    pooled = {head.stages: head.features for head in solved if head.grid == 1}
    assert pooled[2] == 480
    shown = heads.table(workload, solved)
    assert shown.row_count == len(solved)
    assert heads.content(workload, solved)["heads"][0]["backbone"] == "googlenet"

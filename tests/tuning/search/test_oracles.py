from pathlib import Path

from small_search import Landscape, run_study
from tuning.training.early_stopping import OBJECTIVE

from tuning.runs.schema import Hyperparameters
from tuning.search import oracles


def test_the_first_trial_at_a_depth_takes_over_what_was_found_so_far(tmp_path: Path) -> None:
    class Valley(Landscape):
        def brier(self, hp: Hyperparameters) -> float:
            return 0.2 - 0.05 * hp.depth + abs(hp.head_units - 64) / 1e4 - hp.learning_rate

    valley = Valley()
    run_study(valley, tmp_path / "s", "random", (0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2))
    heads, stages, deeper = valley.seen[:6], valley.seen[6:10], valley.seen[10]
    default = heads[0].learning_rate
    assert stages[0] == min(heads, key=valley.brier).model_copy(
        update={"depth": 1, "learning_rate": default}
    )
    assert stages[0].head_units != heads[0].head_units
    assert deeper == min(stages, key=valley.brier).model_copy(update={"depth": 2})
    assert deeper != stages[0].model_copy(update={"depth": 2})


def test_hyperband_picks_among_the_planned_depths(tmp_path: Path) -> None:
    landscape = Landscape()
    records = run_study(landscape, tmp_path / "s", "hyperband", (0, 1))
    assert {hp.depth for hp in landscape.seen} == {0, 1}
    assert len({record.result.epochs for record in records if record.result}) > 1


def test_the_objective_is_minimized() -> None:
    oracle = oracles.create("random", (0,), 3, 0, lambda: False)
    assert (oracle.objective.name, oracle.objective.direction) == (OBJECTIVE, "min")

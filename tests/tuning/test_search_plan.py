from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuning import oracles, presets, study
from tuning.presets import PRESETS
from tuning.trial import OBJECTIVE, Hyperparameters, TrialResult

seconds = st.lists(st.floats(0.01, 500), min_size=2, max_size=6).map(sorted)


@given(seconds, st.floats(0, 20_000), st.sampled_from(sorted(PRESETS)))
def test_the_plan_fits_its_time_cheap_depths_first(
    costs: list[float], limit: float, name: str
) -> None:
    preset = PRESETS[name]
    depths = presets.plan(preset, costs, limit)
    full = presets.plan(preset, costs, None)
    assert depths == full[: len(depths)] != ()
    assert list(depths) == sorted(depths)
    planned = sum(presets.trial_seconds(preset, costs, depth) for depth in depths)
    assert planned <= limit or len(depths) == 1


@given(st.floats(0.01, 500), st.one_of(st.none(), st.floats(-10, 20_000)))
def test_a_refit_is_never_shorter_than_a_trial(epoch: float, limit: float | None) -> None:
    preset = PRESETS["standard"]
    assert 2 * preset.epochs <= presets.refit_epochs(preset, epoch, limit) <= preset.refit_epochs


class Landscape:
    """Stands for training: the score is a known function of the hyperparameters."""

    def __init__(self) -> None:
        self.seen: list[Hyperparameters] = []

    def __call__(
        self, hyperparameters: Hyperparameters, epochs: int, name: str
    ) -> tuple[TrialResult, object]:
        self.seen.append(hyperparameters)
        if hyperparameters.depth == 2:
            raise RuntimeError("out of memory")
        brier = 0.2 - 0.05 * hyperparameters.depth
        return TrialResult(hyperparameters, 0.8, 0.9, brier, 0.3, epochs, 0.1), _Tail()


class _Tail:
    def save_weights(self, path: Path) -> None:
        path.write_bytes(b"weights")


@pytest.mark.parametrize("algorithm", ["bayesian", "random"])
def test_trials_follow_the_plan_and_failures_are_recorded(algorithm: str, tmp_path: Path) -> None:
    landscape = Landscape()
    depths = (0, 0, 0, 0, 0, 1, 1, 2)
    records = run(landscape, tmp_path / "s", algorithm, depths)
    assert tuple(hp.depth for hp in landscape.seen) == depths
    assert [record.status for record in records] == ["completed"] * 7 + ["failed"]
    assert records[-1].note == "RuntimeError: out of memory"
    best = study.best_of(tmp_path / "s")
    assert best is not None
    assert best.hyperparameters.depth == 1
    assert len({record.hyperparameters for record in records}) == len(records)


def test_hyperband_picks_among_the_planned_depths(tmp_path: Path) -> None:
    landscape = Landscape()
    records = run(landscape, tmp_path / "s", "hyperband", (0, 1))
    assert {hp.depth for hp in landscape.seen} == {0, 1}
    assert len({record.result.epochs for record in records if record.result}) > 1


def test_a_study_goes_on_where_it_was(tmp_path: Path) -> None:
    depths = (0, 0, 1, 1)
    first = Landscape()
    run(first, tmp_path / "s", "bayesian", depths, stop_after=2)
    second = Landscape()
    records = run(second, tmp_path / "s", "bayesian", depths)
    assert (len(first.seen), len(second.seen)) == (2, 2)
    assert [record.hyperparameters for record in records] == first.seen + second.seen


def run(
    landscape: Landscape,
    folder: Path,
    algorithm: str,
    depths: tuple[int, ...],
    stop_after: int = 99,
) -> list[study.TrialRecord]:
    folder.mkdir(exist_ok=True)
    return study.search(
        landscape,
        folder=folder,
        algorithm=algorithm,
        depths=depths,
        epochs=9,
        seed=3,
        out_of_time=lambda: len(landscape.seen) >= stop_after,
        on_trial=lambda record: None,
    )


def test_the_objective_is_minimised() -> None:
    oracle = oracles.create("random", (0,), 3, 0, lambda: False)
    assert (oracle.objective.name, oracle.objective.direction) == (OBJECTIVE, "min")

"""What Keras Tuner's algorithms propose can be built, and is for fine-tuning alone."""

from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuning.runs.schema import Hyperparameters, TunerValues
from tuning.search import oracles
from tuning.search.oracles import Grids, SearchOracle, possible, search_space

GRIDS: Grids = {2: (1, 2, 4, 8, 16), 3: (1, 2, 4, 8), 4: (1, 2, 4)}
Algorithm = Literal["bayesian", "random"]


def oracle_of(
    folder: Path, algorithm: Algorithm, frozen: int = 1, seed: int = 3,
    known: TunerValues | None = None,
) -> SearchOracle:  # fmt: skip
    oracle = oracles.create(algorithm, GRIDS, frozen, seed, lambda: known)
    oracle._set_project_dir(str(folder), "study")
    return oracle


def proposed(oracle: SearchOracle, count: int) -> list[Hyperparameters]:
    """Trials that end with a score each, the better the deeper."""
    result = []
    for number in range(count):
        trial = oracle.create_trial(f"trial {number}")
        result.append(hp := Hyperparameters.of(trial.hyperparameters.values))
        oracle.update_trial(trial.trial_id, {oracles.OBJECTIVE: 0.2 - 0.05 * hp.depth})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)
    return result


@given(
    st.fixed_dictionaries(
        {
            "stages": st.sampled_from([2, 3, 4]),
            "depth": st.integers(0, 9),
            "grid": st.integers(1, 40),
            "dropout": st.floats(0, 0.5),
        }
    ),
    st.integers(0, 1),
)
def test_any_values_become_possible_and_possible_ones_stay(
    values: TunerValues, frozen: int
) -> None:
    changed = possible(values, GRIDS, frozen)
    stages, depth = int(values["stages"]), int(values["depth"])
    assert changed["stages"] == stages and changed["dropout"] == values["dropout"]
    assert changed["grid"] in GRIDS[stages]
    assert 1 <= changed["depth"] <= stages - frozen
    assert possible(changed, GRIDS, frozen) == changed
    if 1 <= depth <= stages - frozen and values["grid"] in GRIDS[stages]:
        assert changed == values


@pytest.mark.parametrize("algorithm", ["bayesian", "random"])
def test_trials_of_an_algorithm_fine_tune_and_leave_frozen_stages_alone(
    algorithm: Algorithm, tmp_path: Path
) -> None:
    tried = proposed(oracle_of(tmp_path, algorithm, frozen=1), 10)
    assert all(hp.depth >= 1 and hp.cut >= 1 and hp.grid in GRIDS[hp.stages] for hp in tried)
    assert len(set(tried)) == len(tried)
    assert len({hp.stages for hp in tried}) > 1


@pytest.mark.parametrize("seed", [0, 3])
def test_the_same_seed_tries_the_same(seed: int, tmp_path: Path) -> None:
    first, again = (
        proposed(oracle_of(tmp_path / name, "bayesian", seed=seed), 6) for name in ("a", "b")
    )
    assert first == again
    assert first != proposed(oracle_of(tmp_path / "c", "bayesian", seed=seed + 1), 6)


def test_known_ground_is_taken_as_it_is(tmp_path: Path) -> None:
    known: TunerValues = {
        "stages": 4, "depth": 0, "grid": 4, "learning_rate": 1e-4, "head_units": 0, "dropout": 0.3
    }  # fmt: skip
    [hp] = proposed(oracle_of(tmp_path, "bayesian", known=known), 1)
    assert hp == Hyperparameters.of(known)


def test_the_objective_is_minimized() -> None:
    oracle = oracles.create("random", GRIDS, 0, 0, lambda: None)
    assert (oracle.objective.name, oracle.objective.direction) == ("score", "min")
    assert len(search_space(GRIDS).space) == 6

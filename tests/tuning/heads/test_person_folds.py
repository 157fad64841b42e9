import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tuning.heads.folds import FOLDS, person_folds


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 30)), min_size=1, max_size=80),
    seed=st.integers(0, 5),
)
def test_nobody_is_in_two_folds_and_none_is_empty(rows: list[tuple[int, int]], seed: int) -> None:
    codes, people = np.array(rows).T
    folds = person_folds(codes, people, seed)
    persons = np.unique(people)
    assert set(folds) == set(range(min(FOLDS, len(persons))))
    assert all(len(set(folds[people == person])) == 1 for person in persons)


def test_folds_have_the_classes_in_proportion() -> None:
    rng = np.random.default_rng(0)
    people = rng.integers(0, 900, 3000)
    codes = (rng.random(900) < 0.1).astype(int)[people]
    folds = person_folds(codes, people, seed=0)
    sizes = np.bincount(folds)
    shares = np.bincount(folds, codes) / sizes
    assert sizes.max() - sizes.min() <= 30
    assert shares.max() - shares.min() < 0.015


def test_another_seed_deals_otherwise() -> None:
    codes, people = np.arange(100) % 2, np.arange(100)
    assert (person_folds(codes, people, 0) != person_folds(codes, people, 1)).any()

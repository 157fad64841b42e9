import numpy as np
import pytest

from data import GENDER, Label, class_weights
from tuning.heads import closed_form
from tuning.heads.closed_form import ClosedForm, solve
from tuning.heads.dual import DualRidge
from tuning.heads.primal import PrimalRidge
from tuning.heads.task import Solution, Task
from tuning.metrics import brier, probabilities

HAIR = Label(name="hair", classes=("fair", "brown", "black"))
RNG = np.random.default_rng(0)


def telling(codes: np.ndarray, width: int, strength: float = 0.4) -> np.ndarray:
    """Standardized features, of which each class has its own direction, in noise."""
    directions = np.random.default_rng(1).normal(size=(codes.max() + 1, width))
    features = RNG.normal(size=(len(codes), width)) + strength * directions[codes]
    return np.float32((features - features.mean(axis=0)) / features.std(axis=0))


def uneven(count: int, share: float = 0.25) -> np.ndarray:
    return (RNG.random(count) < share).astype(np.int64)


def by_hand(features: np.ndarray, task: Task, penalty: float, without: slice | None) -> np.ndarray:
    """Kernel and bias of weighted ridge regression without a fold, in float64 and one system."""
    kept = np.ones(len(task.rows), bool)
    if without is not None:
        kept[without] = False
    x = np.hstack([features[task.rows[kept]].astype(np.float64), np.ones((kept.sum(), 1))])
    weighted = x.T * task.weights[kept]
    square = weighted @ x + penalty * np.diag([1.0] * features.shape[1] + [0.0])
    return np.linalg.solve(square, weighted @ task.targets[kept])


@pytest.mark.parametrize("ridge", [DualRidge, PrimalRidge])
@pytest.mark.parametrize("label", [GENDER, HAIR], ids=lambda label: label.name)
@pytest.mark.parametrize("penalty", [0.01, 1.0])
def test_both_forms_give_what_a_solution_for_each_fold_gives(
    ridge: type[DualRidge | PrimalRidge], label: Label, penalty: float
) -> None:
    codes = uneven(150) if label is GENDER else RNG.integers(0, 3, 150)
    codes[::7] = -1
    people = np.arange(150) // 2
    features = telling(np.maximum(codes, 0), 60)
    task = Task.of(label, codes, people, np.arange(150), seed=0)
    solver = ridge(features, np.arange(150))
    found = solver.equations(task).solve(penalty)
    whole = by_hand(features, task, penalty * solver.scale, None)
    kernel = solver.equations(task).kernel(found)
    assert kernel == pytest.approx(whole[:-1], abs=2e-4)
    assert found.bias == pytest.approx(whole[-1], abs=2e-4)
    for fold in task.folds:
        without = by_hand(features, task, penalty * solver.scale, fold)
        scores = features[task.rows[fold]] @ without[:-1] + without[-1]
        assert found.out_of_fold[fold] == pytest.approx(scores, abs=2e-3)


def test_folds_hold_whole_people_and_all_views_of_them() -> None:
    codes, people = uneven(200), RNG.integers(0, 60, 200)
    task = Task.of(GENDER, codes, people, np.arange(400), seed=3)
    of_fold = [set(people[task.rows[fold] % 200]) for fold in task.folds]
    assert sum(map(len, of_fold)) == len(set(people))
    assert task.scored.sum() == 200 and (task.rows[task.scored] < 200).all()


@pytest.mark.parametrize("width", [40, 900])
def test_logits_are_calibrated_and_the_kernel_gives_them(width: int) -> None:
    codes = uneven(800)
    features = telling(codes, width, 2 / width**0.5)
    fresh = slice(400, 800)
    head = solve([GENDER], features[:400], codes[:400, None], np.arange(400), seed=0)
    logits = features[fresh] @ head.kernel + head.bias
    p = probabilities([GENDER], logits)
    assert abs(p[:, 1].mean() - codes[fresh].mean()) < 0.06
    constant = brier(codes[fresh], np.tile(np.bincount(codes[:400]) / 400, (400, 1)))
    assert brier(codes[fresh], p) < constant
    out_of_fold = probabilities([GENDER], head.out_of_fold)
    assert out_of_fold[:, 1].mean() == pytest.approx(codes[:400].mean(), abs=0.01)


def test_people_who_are_known_by_their_marks_alone_are_guessed_out_of_fold() -> None:
    people = np.repeat(np.arange(80), 5)
    codes = RNG.permutation(np.arange(80) % 2)[people]
    marks = np.float32(RNG.normal(size=(80, 500))[people])
    head = solve([GENDER], marks, codes[:, None], people, seed=0)
    assert 0.2 < ((head.out_of_fold[:, 0] > 0) == codes).mean() < 0.8


def test_other_views_are_learned_from_and_not_scored() -> None:
    codes = uneven(120, 0.5)
    one = telling(codes, 300, 0.3)
    other = one + np.float32(0.3 * RNG.normal(size=one.shape))
    head = solve([GENDER], np.vstack([one, other]), codes[:, None], np.arange(120), seed=0)
    assert head.out_of_fold.shape == (120, 1) and np.isfinite(head.out_of_fold).all()
    alone = solve([GENDER], one, codes[:, None], np.arange(120), seed=0)
    assert not np.allclose(head.kernel, alone.kernel)


def test_labels_are_solved_side_by_side_and_missing_codes_leave_the_image_to_the_others() -> None:
    hair, gender = RNG.integers(0, 3, 240), uneven(240)
    features = np.hstack([telling(hair, 300), telling(gender, 300)])
    codes = np.stack([hair, np.where(np.arange(240) < 60, -1, gender)], axis=1)
    people = np.arange(240)
    head = solve([HAIR, GENDER], features, codes, people, seed=0)
    assert head.kernel.shape == (600, 4) and len(head.penalties) == 2
    assert np.isnan(head.out_of_fold[:60, 3]).all()
    assert np.isfinite(head.out_of_fold[60:]).all()
    alone = solve([GENDER], features[60:], codes[60:, 1:], people[60:], seed=0)
    assert head.out_of_fold[60:, 3:] == pytest.approx(alone.out_of_fold, abs=0.2)


@pytest.mark.parametrize(
    ("codes", "people"),
    [
        ([1, 1, 1, 1], [0, 1, 2, 3]),  # one class
        ([0, 1, 0, 1], [0, 0, 0, 0]),  # one person
        ([-1, -1, -1, -1], [0, 1, 2, 3]),  # no label
        ([1], [0]),
    ],
)
def test_without_two_people_and_classes_a_head_knows_the_frequencies_alone(
    codes: list[int], people: list[int]
) -> None:
    features = np.float32(RNG.normal(size=(len(codes), 9)))
    head = solve([GENDER], features, np.array(codes)[:, None], np.array(people), seed=0)
    assert not head.kernel.any() and np.isnan(head.penalties[0])
    assert np.isfinite(head.bias).all()
    known = np.array(codes) != -1
    assert head.out_of_fold[known, 0] == pytest.approx(np.full(known.sum(), head.bias[0]))
    assert np.isnan(head.out_of_fold[~known]).all()
    if codes == [1, 1, 1, 1]:
        assert head.bias[0] > 1


@pytest.mark.parametrize("people", [2, 3, 4])
def test_few_people_make_fewer_folds(people: int) -> None:
    codes, folk = np.arange(40) % 2, np.arange(40) // 2 % people
    head = solve([GENDER], telling(codes, 90, 1.0), codes[:, None], folk, seed=0)
    assert ((head.out_of_fold[:, 0] > 0) == codes).mean() > 0.9


def test_a_class_of_one_person_or_of_none_is_solved_with_the_others() -> None:
    codes = np.array([0] * 40 + [1] * 2)
    people = np.r_[np.arange(40), 40, 40]
    head = solve([HAIR], telling(codes, 90, 1.0), codes[:, None], people, seed=0)
    assert np.isfinite(head.out_of_fold).all()
    p = probabilities([HAIR], telling(codes, 90, 1.0) @ head.kernel + head.bias)
    assert p[:, 2].max() < 0.1


@pytest.mark.parametrize("width", [3, 400])
@pytest.mark.parametrize("value", [0.0, 2.0])
def test_features_that_are_constant_tell_nothing(width: int, value: float) -> None:
    codes = uneven(90)
    features = np.full((90, width), value, np.float32)
    head = solve([GENDER], features, codes[:, None], np.arange(90), seed=0)
    logits = features @ head.kernel + head.bias
    assert probabilities([GENDER], logits)[:, 1] == pytest.approx(codes.mean(), abs=0.03)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e30])
def test_features_that_are_not_finite_are_refused_with_their_row(bad: float) -> None:
    features = np.zeros((20, 50), np.float32)
    features[7, 3] = bad
    with pytest.raises(ValueError, match="features of row 7 hold NaN"):
        solve([GENDER], features, np.arange(20)[:, None] % 2, np.arange(20), seed=0)


@pytest.mark.parametrize("rows", [0, 19, 30])
def test_arrays_that_do_not_fit_together_are_refused(rows: int) -> None:
    features = np.zeros((rows, 5), np.float32)
    with pytest.raises(ValueError, match="do not fit together"):
        solve([GENDER], features, np.zeros((20, 1), int), np.arange(20), seed=0)


def test_of_too_many_rows_whole_people_are_learned_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closed_form, "MOST_ROWS", 100)
    codes, people = uneven(300), np.arange(300) // 3
    features = telling(codes, 400, 0.3)
    learned: list[np.ndarray] = []

    def seen(features: np.ndarray, rows: np.ndarray) -> DualRidge:
        learned.append(rows)
        return DualRidge(features, rows)

    monkeypatch.setattr(closed_form, "DualRidge", seen)
    head = solve([GENDER], features, codes[:, None], people, seed=0)
    (rows,) = learned
    assert head.learned == len(rows) == 99
    assert not set(people[rows]) & set(np.delete(people, rows))
    others = np.delete(np.arange(300), rows)
    assert np.isfinite(head.out_of_fold).all()
    logits = features[others] @ head.kernel + head.bias
    assert head.out_of_fold[others] == pytest.approx(logits, abs=1e-4)


def test_the_penalty_is_the_best_of_the_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    codes, tried = uneven(200), {}
    features = telling(codes, 700, 0.05)
    kept = closed_form._try

    def noted(label: Label, equations: object, penalty: float) -> object:
        tried[penalty] = kept(label, equations, penalty)  # type: ignore[arg-type]
        return tried[penalty]

    monkeypatch.setattr(closed_form, "_try", noted)
    head = solve([GENDER], features, codes[:, None], np.arange(200), seed=0)
    best = min(tried.values(), key=lambda each: each.brier)
    assert head.penalties == (best.penalty,)
    neighbors = np.array([10**-0.5, 1, 10**0.5]) * best.penalty
    assert all(np.isclose(list(tried), each).any() for each in neighbors[1:] if each < 1e4)


def test_where_float32_is_too_coarse_larger_penalties_are_tried() -> None:
    class Coarse:
        task = Task.of(GENDER, np.arange(20) % 2, np.arange(20), np.arange(20), seed=0)

        def solve(self, penalty: float) -> Solution:
            if penalty < 20:
                raise np.linalg.LinAlgError
            return Solution(self.task.targets.astype(float), np.ones((20, 1)), np.zeros(1))

    best = closed_form._best(GENDER, Coarse())  # type: ignore[arg-type]
    assert best.penalty == pytest.approx(10**1.5)


def test_a_half_of_the_rows_in_float16_and_on_disk_is_solved_as_well(tmp_path) -> None:  # type: ignore[no-untyped-def]
    codes = uneven(100)
    features = telling(codes, 3000)
    np.save(tmp_path / "features.npy", features.astype(np.float16))
    kept = np.load(tmp_path / "features.npy", mmap_mode="r")
    head = solve([GENDER], kept, codes[:, None], np.arange(100), seed=0)
    exact = solve([GENDER], features, codes[:, None], np.arange(100), seed=0)
    assert head.out_of_fold == pytest.approx(exact.out_of_fold, abs=0.05)


def test_the_same_seed_gives_the_same_head_and_says_how_far_it_is() -> None:
    codes, said = uneven(100), []
    features = telling(codes, 300)
    heads: list[ClosedForm] = [
        solve(
            [GENDER], features, codes[:, None], np.arange(100), seed=5,
            progress=lambda done, total: said.append((done, total)),
        )
        for _ in range(2)
    ]  # fmt: skip
    assert np.array_equal(heads[0].kernel, heads[1].kernel)
    assert said == 2 * [(0, 2), (1, 2), (2, 2)]


def test_classes_are_weighed_alike() -> None:
    codes = uneven(300, 0.1)
    task = Task.of(GENDER, codes, np.arange(300), np.arange(300), seed=0)
    by_class = class_weights(codes)
    assert task.weights[task.codes == 1] == pytest.approx(by_class[1])
    assert task.weights[task.codes == 0].sum() == pytest.approx(task.weights[task.codes == 1].sum())


@pytest.mark.parametrize("unit", [0.01, 1.0, 100.0])
def test_scores_of_any_scale_become_the_logits_that_they_came_from(unit: float) -> None:
    logits = 2 * RNG.normal(size=(20_000, 1)) - 0.5
    codes = (RNG.random(20_000) < probabilities([GENDER], logits)[:, 1]).astype(int)
    scores = (logits + 3) * unit
    calibration = closed_form._calibration(GENDER, codes, scores)
    assert calibration.apply(scores) == pytest.approx(logits, abs=0.3)

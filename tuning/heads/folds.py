"""Parts of the images for cross-validation, without a person in two of them."""

from __future__ import annotations

import numpy as np

from data.labels import class_counts

FOLDS = 5


def person_folds(codes: np.ndarray, people: np.ndarray, seed: int) -> np.ndarray:
    """Deal people out to five folds, or as many as there are people.

    People are dealt in turn, those of one class after those of another and the ones with most
    images first, so that folds are alike in size and classes. Who has images of several classes is
    dealt with the rarest. scikit-learn's `StratifiedGroupKFold` takes seconds for thousands of
    people and refuses what is small.

    Args:
        codes: Codes of one label, none of them missing, int [n].
        people: Number of the person in each image, int [n].
        seed: Seed of the order of people who are alike.

    Returns:
        Number of each image's fold, int64 [n].

    Example:
        >>> people = np.repeat(np.arange(10), 2)
        >>> folds = person_folds(people // 5, people, seed=0)
        >>> np.bincount(folds).tolist(), bool((folds[::2] == folds[1::2]).all())
        ([4, 4, 4, 4, 4], True)
    """
    persons, of_image = np.unique(people, return_inverse=True)
    classes = int(codes.max(initial=0)) + 1
    photos = np.bincount(of_image * classes + codes, minlength=len(persons) * classes)
    photos = photos.reshape(len(persons), classes)
    rarest = (photos / class_counts(codes, classes).clip(min=1)).argmax(axis=1)
    lots = np.random.default_rng(seed).permutation(len(persons))
    order = np.lexsort((lots, -photos.sum(axis=1), rarest))
    count = min(FOLDS, len(persons))
    turn, place = np.divmod(np.arange(len(persons)), max(count, 1))
    dealt = np.empty(len(persons), np.int64)
    dealt[order] = np.where(turn % 2, count - 1 - place, place)  # there and back again
    return dealt[of_image]

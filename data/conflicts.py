"""Images whose label contradicts what the same person's other images say.

CelebA has such errors: one photo of a person labeled unlike all the others, by a slip in the
label or in the identity. Only labels that belong to a person can contradict: gender and origin.
That someone smiles in most of their photos says little about another one.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from data.labels import GENDER, MISSING, Label, code_columns
from data.meanings import kind_of

_OF_A_PERSON = ("gender", "origin")


def label_conflicts(manifest: pd.DataFrame, labels: Sequence[Label] = (GENDER,)) -> pd.DataFrame:
    """List the images whose gender or origin differs from that of most images of the same person.

    A person whose photos are half and half has no majority, so none of them is listed; rows
    without identity never are.

    Args:
        manifest: Manifest of N images, with codes of the labels and `identity`.
        labels: Labels of the manifest, `Dataset.labels`; others than gender and origin contradict
            nothing.

    Returns:
        Those rows, with the manifest's index.

    Example:
        >>> from data.manifest import make_manifest
        >>> codes, people = pd.Series([1, 1, 0]), pd.Series(["ann", "ann", "ann"])
        >>> manifest = make_manifest(["1.jpg", "2.jpg", "3.jpg"], codes, identity=people)
        >>> label_conflicts(manifest)["path"].tolist()
        ['3.jpg']
    """
    return manifest[_any_contradicts(manifest, labels)]


def drop_conflicts(manifest: pd.DataFrame, labels: Sequence[Label] = (GENDER,)) -> pd.DataFrame:
    """Leave the rows of `label_conflicts` out of train.

    Those of val and test stay: figures on images that were cleaned would be too good.

    Args:
        manifest: Manifest of N images, with codes of the labels, `identity` and `split`.
        labels: Labels of the manifest, `Dataset.labels`.

    Returns:
        The other rows, index 0..n-1.

    Example:
        >>> from data.manifest import make_manifest
        >>> codes, people = pd.Series([1, 1, 0] * 2), pd.Series(["ann"] * 3 + ["bob"] * 3)
        >>> parts = pd.Series(["train"] * 3 + ["val"] * 3)
        >>> paths = [f"{number}.jpg" for number in range(6)]
        >>> manifest = make_manifest(paths, codes, identity=people, split=parts)
        >>> drop_conflicts(manifest)["path"].tolist()
        ['0.jpg', '1.jpg', '3.jpg', '4.jpg', '5.jpg']
    """
    in_train = manifest["split"].eq("train").fillna(False).to_numpy(bool)
    return manifest[~(_any_contradicts(manifest, labels) & in_train)].reset_index(drop=True)


def contradicting(manifest: pd.DataFrame, labels: Sequence[Label]) -> dict[str, pd.Series]:
    """Say for each label that belongs to a person which rows contradict, bool, by code column.

    Example:
        >>> manifest = pd.DataFrame({"label": [1, 1, 0], "identity": ["ann"] * 3})
        >>> contradicting(manifest, [GENDER])["label"].tolist()
        [False, False, True]
    """
    columns = zip(code_columns(labels), labels, strict=True)
    return {
        name: _contradicts(manifest[name], manifest["identity"])
        for name, label in columns
        if kind_of(label) in _OF_A_PERSON
    }


def _any_contradicts(manifest: pd.DataFrame, labels: Sequence[Label]) -> np.ndarray:
    flags = np.zeros(len(manifest), dtype=bool)
    for contradicts in contradicting(manifest, labels).values():
        flags |= contradicts.to_numpy(bool)
    return flags


def _contradicts(codes: pd.Series, identity: pd.Series) -> pd.Series:
    """Whether more than half of a person's images are of one class, and this one is not."""
    known = (codes != MISSING) & identity.notna()
    people, classes = identity[known], codes[known]
    counts = classes.groupby([people, classes]).transform("size")
    of_all = classes.groupby(people).transform("size")
    has_majority = (2 * counts > of_all).groupby(people).transform("any")
    contradicts = has_majority & (2 * counts < of_all)
    return contradicts.reindex(codes.index, fill_value=False)

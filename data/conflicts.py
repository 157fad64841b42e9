"""Images whose label contradicts what the same person's other images say.

CelebA has such errors: one photo of a person labeled unlike all the others, by a slip in the
label or in the identity.
"""

import pandas as pd


def label_conflicts(manifest: pd.DataFrame) -> pd.DataFrame:
    """List the images whose label differs from that of most images of the same person.

    A person whose photos are half and half has no majority, so none of them is listed; rows
    without identity never are.

    Args:
        manifest: Manifest of N images, with `label` and `identity`.

    Returns:
        Those rows, with the manifest's index.

    Example:
        >>> from data.manifest import make_manifest
        >>> labels, people = pd.Series([1, 1, 0]), pd.Series(["ann", "ann", "ann"])
        >>> manifest = make_manifest(["1.jpg", "2.jpg", "3.jpg"], labels, identity=people)
        >>> label_conflicts(manifest)["path"].tolist()
        ['3.jpg']
    """
    return manifest[_contradicts(manifest)]


def drop_conflicts(manifest: pd.DataFrame) -> pd.DataFrame:
    """Leave out the rows of `label_conflicts`.

    Args:
        manifest: Manifest of N images, with `label` and `identity`.

    Returns:
        The other rows, index 0..n-1.

    Example:
        >>> from data.manifest import make_manifest
        >>> labels, people = pd.Series([1, 1, 0]), pd.Series(["ann", "ann", "ann"])
        >>> manifest = make_manifest(["1.jpg", "2.jpg", "3.jpg"], labels, identity=people)
        >>> drop_conflicts(manifest)["path"].tolist()
        ['1.jpg', '2.jpg']
    """
    return manifest[~_contradicts(manifest)].reset_index(drop=True)


def _contradicts(manifest: pd.DataFrame) -> pd.Series:
    share_of_men = manifest.groupby("identity")["label"].transform("mean")
    women_but_mostly_men = (manifest["label"] == 0) & (share_of_men > 0.5)
    return women_but_mostly_men | ((manifest["label"] == 1) & (share_of_men < 0.5))

"""Images whose label contradicts what the same person's other images say.

CelebA has such errors: one photo of a person labeled unlike all the others, by a slip in the
label or in the identity.
"""

import pandas as pd


def label_conflicts(manifest: pd.DataFrame) -> pd.DataFrame:
    """The rows that differ from their identity's majority label, with the manifest's index.

    A person whose photos are half and half has no majority, so none of them is listed; rows
    without identity never are.
    """
    return manifest[_contradicts(manifest)]


def drop_conflicts(manifest: pd.DataFrame) -> pd.DataFrame:
    """The manifest without the rows of `label_conflicts`, index 0..n-1."""
    return manifest[~_contradicts(manifest)].reset_index(drop=True)


def _contradicts(manifest: pd.DataFrame) -> pd.Series:
    share_of_men = manifest.groupby("identity")["label"].transform("mean")
    women_but_mostly_men = (manifest["label"] == 0) & (share_of_men > 0.5)
    return women_but_mostly_men | ((manifest["label"] == 1) & (share_of_men < 0.5))

"""Labels of origin, by which the page classifies nobody unless the server's owner asks for it."""

from data import Label
from data.meanings import kind_of
from inference.bundle import BundleInfo

WHY = (
    "No photo shows where a person comes from, and sorting people by what others assume of it does "
    "harm: this page classifies nobody by labels of origin unless the owner of the server asks for "
    "it (--classify-origin)."
)
"""Words for visitors, who see a label left out."""


def is_withheld(label: Label, classify_origin: bool) -> bool:
    """Whether the page keeps a label back.

    Args:
        label: Label of a model.
        classify_origin: Whether the server's owner asked for labels of origin.

    Example:
        >>> race = Label(name="race", classes=("a", "b", "c"))
        >>> is_withheld(race, classify_origin=False), is_withheld(race, classify_origin=True)
        (True, False)
    """
    return kind_of(label) == "origin" and not classify_origin


def without_withheld(info: BundleInfo, classify_origin: bool) -> BundleInfo | None:
    """Return a model's facts without the labels that are kept back, and without their figures.

    A classifier of these facts does not ask its graph for the labels that are missing.

    Args:
        info: Facts of a model.
        classify_origin: Whether the server's owner asked for labels of origin.

    Returns:
        The facts; None where no label is left.
    """
    labels = tuple(one for one in info.labels if not is_withheld(one.label, classify_origin))
    if not labels:
        return None
    if labels == info.labels:
        return info
    accuracies = [one.metrics.test_accuracy for one in labels]
    known = [accuracy for accuracy in accuracies if accuracy is not None]
    mean = sum(known) / len(known) if len(known) == len(labels) else None
    metrics = info.metrics.model_copy(
        update={"test_accuracy": mean, "test_accuracy_interval": None}
    )
    return info.model_copy(update={"labels": labels, "metrics": metrics})

"""The model card of a bundle, from the files of its run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from data import Label
from data.meanings import kind_of, not_for, notice
from export import audit, int8_gate
from export.forms import TITLES
from export.markdown import escape
from inference.bundle import BundleInfo, LabelInfo, Precision
from tuning.metrics import TARGETS
from tuning.report import rendering
from tuning.runs.schema import Hyperparameters, LabelFacts, RunConfig, WinnerFacts


@dataclass(frozen=True)
class _Described:
    """One label as the card has it, in Markdown.

    Attributes:
        info: What the bundle says of it.
        facts: What the run says of it.
        counts: Number of training images by class, None in runs that did not record it.
    """

    info: LabelInfo
    facts: LabelFacts
    counts: dict[str, int] | None

    @property
    def notice(self) -> str:
        """What the label means, and what it does not."""
        return notice_in_markdown(self.info.label)

    @property
    def is_gender(self) -> bool:
        """Whether it is about gender."""
        return kind_of(self.info.label) == "gender"


def render(
    info: BundleInfo,
    facts: WinnerFacts,
    config: RunConfig,
    groups: pd.DataFrame,
    served: Precision,
    wanted: float | None = None,
) -> str:
    """Write the card as Markdown.

    Args:
        info: Facts of the bundle, with its formats.
        facts: Facts of the winner, from the run.
        config: Settings, data and versions of the run.
        groups: Table of `export.audit.audit`, on the precision that is served.
        served: Precision that is served.
        wanted: Accuracy that was wanted of the decisions given, 0..1; None for the highest.
    """
    train, test = config.images.splits["train"].classes, config.images.splits["test"]
    labels = [
        _Described(of_bundle, of_run, train.get(of_bundle.name))
        for of_bundle, of_run in zip(info.labels, facts.labels, strict=True)
    ]
    return rendering.render(
        "export",
        "templates/MODEL_CARD.md.jinja",
        md=escape,
        info=info,
        labels=labels,
        limits=limits(info.classes),
        config=config,
        made=_made(facts, _origin(info, config.settings.weights)),
        hyperparameters=_that_count(facts.hyperparameters),
        on_how_many=facts.on_how_many(config.images.splits["train"].count),
        served=served,
        groups=groups.to_dict("records"),
        wrong=_wrong(info.classes[0]),
        known_identities=bool(len(groups)) and (groups["identities"] < groups["images"]).any(),
        known_people=0 < test.identities < test.count,
        wanted=wanted or TARGETS[0],
        minimum=audit.MINIMUM,
        titles=TITLES,
        max_lost=100 * int8_gate.MAX_ACCURACY_LOST,
        max_changed=100 * int8_gate.MAX_CHANGED,
    )


def notice_in_markdown(label: Label) -> str:
    r"""Say what a label means and what it does not, with its name escaped.

    Args:
        label: The label.

    Example:
        >>> print(notice_in_markdown(Label(name="Wearing_Hat", classes=("no", "yes"))))
        The label 'Wearing\_Hat' is what annotators saw in a photo; others may see it otherwise.
    """
    return notice(label.model_copy(update={"name": escape(label.name)}))


def limits(labels: Iterable[Label]) -> str:
    """Say what a model must not be used for: "… must not be used for <this>".

    Args:
        labels: The labels of the model.

    Example:
        >>> print(limits([Label(name="age", classes=("0-19", "20+"))]))
        checking whether a person is of age, or deciding about a person
    """
    return "; ".join(dict.fromkeys(not_for(label) for label in labels))


def _wrong(label: Label) -> list[tuple[str, str]]:
    """Columns of the audit with the errors on each of two classes, and their titles."""
    columns = audit.wrong_columns(label)
    if not columns:
        return []
    first, second = map(escape, label.classes)
    titles = (
        f'labeled {first}, decided "{second}", %',
        f'labeled {second}, decided "{first}", %',
    )
    return list(zip(columns, titles, strict=True))


def _made(facts: WinnerFacts, origin: str) -> str:
    """How the model was trained, in words."""
    from tuning.backbones.registry import BACKBONES  # imports Keras, which a push can do without

    chosen, backbone = facts.hyperparameters, BACKBONES[facts.backbone]
    which = f"the first {chosen.stages} of {len(backbone.stages)} stages"
    over = f"over a {chosen.grid} x {chosen.grid} grid" if chosen.grid > 1 else "over the whole map"
    solved = "trained" if chosen.head_units else "solved by ridge regression"
    if chosen.depth:
        deepest = f"last {chosen.depth} stages were" if chosen.depth > 1 else "last stage was"
        then = f"on frozen stages; then the {deepest} fine-tuned with it"
    else:
        then = "alone; the stages are as they were"
    return (
        f"{backbone.title}, {which}, from {origin}; the head averages their activations {over}.\n"
        f"The head was {solved} {then}."
    )


def _that_count(chosen: Hyperparameters) -> dict[str, int | float]:
    """The hyperparameters; without those of a training where there was none."""
    values = chosen.model_dump()
    if chosen.depth or chosen.head_units:
        return values
    return {name: values[name] for name in ("stages", "depth", "grid", "head_units")}


def _origin(info: BundleInfo, chosen: str) -> str:
    """Where the weights came from, in words."""
    if info.weights.source == "none":
        return "random weights"
    source = f"`{info.weights.source}`, fingerprint `{info.weights.fingerprint[:16]}`"
    if chosen == "imagenet":
        return f"weights pretrained on ImageNet ({source})"
    return f"pretrained weights in a local folder ({source})"

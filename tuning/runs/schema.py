"""What a run's JSON files say: one record each, with a schema version.

Files of earlier versions can be read: what they lack has a default, what they have besides is
passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import mean
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, model_validator

from data import GENDER, Framing, Label
from tuning.runs.settings import Settings

Origin = Literal["trial", "refit"]
"""Which training a winner's weights are from."""

TunerValues = dict[str, int | float | str]
"""Keras Tuner's hyperparameter values by name."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, ser_json_inf_nan="constants")


class _Versioned(_Record):
    """A record with a file of its own."""

    schema_version: Literal[1] = 1


class Hyperparameters(_Record):
    """What the search chooses.

    Attributes:
        depth: Fine-tuning depth: the last `depth` stages train, 0 trains the head alone.
        learning_rate: Peak learning rate of the fine-tuned stages; at depth 0 the head's is ten
            times as high.
        head_units: Width of the head's hidden layer, 0 for none.
        dropout: Dropout rate before each dense layer of the head, 0..1.

    Example:
        >>> Hyperparameters(depth=1, learning_rate=2e-4, head_units=256, dropout=0.3).depth
        1
    """

    depth: int
    learning_rate: float
    head_units: int
    dropout: float

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Take the hyperparameters out of Keras Tuner's values, which hold others as well.

        Args:
            values: Keras Tuner's values by name.

        Example:
            >>> values = {"depth": 0, "learning_rate": 1e-3, "head_units": 64, "dropout": 0.3}
            >>> Hyperparameters.of(values | {"tuner/epochs": 2}).head_units
            64
        """
        return cls(
            depth=int(values["depth"]),
            learning_rate=float(values["learning_rate"]),
            head_units=int(values["head_units"]),
            dropout=round(float(values["dropout"]), 3),
        )


class Epoch(_Record):
    """One epoch of a training; figures of several labels are their means.

    Attributes:
        epoch: Number of the epoch, from 1.
        seconds: Wall time of the epoch with its validation.
        loss: Mean training loss, nats.
        val_accuracy: Accuracy on validation images, 0..1.
        val_auc: Area under the ROC curve on validation images, 0..1.
        val_brier: Mean squared error of the probabilities on validation images (Brier, 1950), 0..1.
        val_loss: Cross-entropy on validation images, nats.

    Example:
        >>> scores = {"val_accuracy": 0.8, "val_auc": 0.9, "val_brier": 0.1, "val_loss": 0.4}
        >>> Epoch(epoch=1, seconds=2.5, loss=0.5, **scores).model_dump_json()
        '{"epoch":1,"seconds":2.5,"loss":0.5,"val_accuracy":0.8,"val_auc":0.9,"val_brier":0.1,...
    """

    epoch: int
    seconds: float
    loss: float
    val_accuracy: float
    val_auc: float
    val_brier: float
    val_loss: float


class TrialResult(_Record):
    """What a training reached: its best epoch on the validation split.

    Attributes:
        hyperparameters: Hyperparameters of the training.
        val_accuracy: Accuracy, 0..1.
        val_auc: Area under the ROC curve, 0..1.
        val_brier: Mean squared error of the probabilities (Brier, 1950), 0..1; the search's
            objective.
        val_loss: Mean cross-entropy, nats.
        epochs: Number of epochs of the fine-tuned stages (of the head at depth 0).
        seconds: Wall time of the whole training.
        history: All epochs, in order.

    Example:
        >>> chosen = {"depth": 0, "learning_rate": 1e-3, "head_units": 64, "dropout": 0.3}
        >>> result = TrialResult(
        ...     hyperparameters=chosen,
        ...     val_accuracy=0.8, val_auc=0.9, val_brier=0.1, val_loss=0.4, epochs=6, seconds=2.5,
        ... )
        >>> result.hyperparameters.head_units, f"{result.seconds / result.epochs:.2f} s an epoch"
        (64, '0.42 s an epoch')
    """

    hyperparameters: Hyperparameters
    val_accuracy: float
    val_auc: float
    val_brier: float
    val_loss: float
    epochs: int
    seconds: float
    history: tuple[Epoch, ...] = ()


class TrialRecord(_Versioned):
    """A finished trial: `record.json` in its folder.

    Attributes:
        trial: Keras Tuner's identifier of the trial, such as "03".
        values: Keras Tuner's hyperparameter values by name.
        result: Best epoch of the training, None if the trial failed.
        note: Reason why the trial failed, in one line; empty if it did not.

    Example:
        >>> values = {"depth": 0, "learning_rate": 1e-3, "head_units": 64, "dropout": 0.3}
        >>> record = TrialRecord(trial="0", values=values, result=None, note="out of memory")
        >>> record.status, record.hyperparameters.head_units
        ('failed', 64)
    """

    trial: str
    values: TunerValues
    result: TrialResult | None
    note: str = ""

    @property
    def status(self) -> Literal["completed", "failed"]:
        """Whether the trial has a result."""
        return "failed" if self.result is None else "completed"

    @property
    def hyperparameters(self) -> Hyperparameters:
        """What was tried."""
        return Hyperparameters.of(self.values)


class TrainingTime(NamedTuple):
    """What a training at one fine-tuning depth takes on this machine.

    Attributes:
        start: Seconds until the first step, while the graph is made.
        epoch: Seconds of one epoch of training.

    Example:
        >>> time = TrainingTime(start=6.0, epoch=20.0)
        >>> time.start + 3 * time.epoch  # seconds of three epochs
        66.0
    """

    start: float
    epoch: float


class SearchImages(_Record):
    """The images that the trials of a search work on, and what the trunk cache holds of them.

    Attributes:
        train: Number of training images.
        val: Number of validation images.
        views: Number of views of the training images that are cached at each fine-tuning depth,
            from depth 0: 2, 1 (the plain one alone, validation images as well), or 0 where it is
            trained from pixels.

    Example:
        >>> images = SearchImages(train=8000, val=1000, views=(2, 2, 0))
        >>> [images.cached(depth) for depth in range(5)]
        [2, 2, 0, 0, 0]
    """

    train: int
    val: int
    views: tuple[int, ...]

    def cached(self, depth: int) -> int:
        """Return the number of views that are cached at a depth.

        Args:
            depth: Fine-tuning depth.
        """
        return self.views[depth] if depth < len(self.views) else 0


class BackboneCosts(_Record):
    """What a backbone costs in time and on disk, as it was measured before its search.

    Attributes:
        train: Number of training images of the run.
        val: Number of validation images of the run.
        pass_seconds: Time of one image through the frozen backbone.
        steps: Time of a training at each depth that was measured, from depth 0: until its first
            step, and of one image, seconds.
        bytes: Size of the activations of one image in one view at each depth at which something
            is frozen.
        room: Number of bytes that the trunk cache may take.
        missing: Share of the passes that were not in the cache, 0..1.

    Example:
        >>> costs = BackboneCosts(
        ...     train=4000, val=500, pass_seconds=0.01, steps=((1.0, 1e-4), (5.0, 0.02)),
        ...     bytes=(4096, 73_728), room=20 * 10**9,
        ... )
        >>> costs.missing
        1.0
    """

    train: int
    val: int
    pass_seconds: float
    steps: tuple[tuple[float, float], ...]
    bytes: tuple[int, ...]
    room: int
    missing: float = 1.0


class StudyPlan(_Versioned):
    """The trials that a study is to run: `plan.json`.

    Attributes:
        depths: Fine-tuning depth of each trial, in order.
        training_times: Time of a training at each depth that was measured, from depth 0 (`costs`
            in JSON).
        evaluation_seconds: Time reserved for the winner's evaluation.
        images: Images that the trials work on; None for all, with both views cached.
        refit_seconds: Time reserved for the shortest refit, None for that of two epochs.
        measured: What this was planned from, None in runs made before it was recorded.

    Example:
        >>> times = (TrainingTime(start=1.0, epoch=0.5), TrainingTime(start=6.0, epoch=20.0))
        >>> plan = StudyPlan(depths=(0, 0, 1), training_times=times, evaluation_seconds=30.0)
        >>> plan.model_dump(by_alias=True)["costs"]
        ((1.0, 0.5), (6.0, 20.0))
    """

    depths: tuple[int, ...]
    training_times: tuple[TrainingTime, ...] = Field(
        serialization_alias="costs", validation_alias=AliasChoices("costs", "training_times")
    )
    evaluation_seconds: float
    images: SearchImages | None = None
    refit_seconds: float | None = None
    measured: BackboneCosts | None = None


class RefitPlan(_Record):
    """How the winner's refit goes: in legs, between which it can be killed and taken up again.

    Attributes:
        legs: Number of legs, over which the learning rate decays.
        legs_per_epoch: Number of legs in which each training image is seen once.
        views: Number of views of all images that are cached at its depth, 0 for pixels.

    Example:
        >>> plan = RefitPlan(legs=3, legs_per_epoch=2, views=0)
        >>> plan.epochs
        1.5
    """

    legs: int
    legs_per_epoch: int = 1
    views: int = 2

    @property
    def epochs(self) -> float:
        """How often each image is seen."""
        return self.legs / self.legs_per_epoch


class RefitRecord(_Versioned):
    """The longer training of the best trial, on all images: `refit.json`.

    Attributes:
        origin: Whose weights were kept, the better ones on validation images.
        result: Best epoch of the refit on the validation split.
        images: Number of training images, None in runs made before it was recorded.
        epochs: How often each of them was seen, at most, None likewise.
        trial: What the best trial reaches on all validation images, where it was scored on a
            sample of them.

    Example:
        >>> chosen = {"depth": 0, "learning_rate": 1e-3, "head_units": 64, "dropout": 0.3}
        >>> result = TrialResult(
        ...     hyperparameters=chosen,
        ...     val_accuracy=0.8, val_auc=0.9, val_brier=0.1, val_loss=0.4, epochs=18, seconds=7.5,
        ... )
        >>> refit = RefitRecord(origin="refit", result=result)
        >>> RefitRecord.model_validate_json(refit.model_dump_json()) == refit
        True
    """

    origin: Origin
    result: TrialResult
    images: int | None = None
    epochs: float | None = None
    trial: TrialResult | None = None


class Clock(_Versioned):
    """Time that all sessions together have worked on a run: `clock.json`.

    Attributes:
        seconds: Wall time of all sessions together, seconds.

    Example:
        >>> Clock(seconds=3.5).model_dump_json()
        '{"schema_version":1,"seconds":3.5}'
    """

    seconds: float = 0.0


class Scores(_Record):
    """Figures of one label on one split.

    Attributes:
        count: Number of images in the split that have the label.
        accuracy: Share of images whose most likely class is their label's.
        accuracy_interval: Ends of the accuracy's 95 % interval, see `metrics.accuracy_interval`.
        balanced_accuracy: Mean of all classes' accuracies.
        auc: Area under the ROC curve; of many classes the mean of each against the rest.
        brier: Mean squared error of the probabilities (Brier, 1950), 0..1, see `metrics.brier`.
        calibration_error: Expected calibration error (Guo et al., 2017).
        log_loss: Mean cross-entropy, nats.
        confusion: Number of images by class (rows) and decision (columns).
        macro_f1: Mean of all classes' F1, None in runs made before it was measured.

    Example:
        >>> scores = Scores(
        ...     count=10, accuracy=0.8, accuracy_interval=(0.49, 0.94), balanced_accuracy=0.8,
        ...     auc=0.9, brier=0.1, calibration_error=0.02, log_loss=0.4,
        ...     confusion=((4, 1), (1, 4)),
        ... )
        >>> sum(scores.confusion[label][label] for label in (0, 1)) / scores.count
        0.8
    """

    count: int
    accuracy: float
    accuracy_interval: tuple[float, float]
    balanced_accuracy: float
    auc: float
    brier: float
    calibration_error: float
    log_loss: float
    confusion: tuple[tuple[int, ...], ...]
    macro_f1: float | None = None


class ValScores(Scores):
    """Figures of a split, and those before calibration.

    Attributes:
        uncalibrated: Figures of the same images by the probabilities before calibration.

    Example:
        >>> raw = {
        ...     "count": 10, "accuracy": 0.8, "accuracy_interval": (0.49, 0.94),
        ...     "balanced_accuracy": 0.8, "auc": 0.9, "brier": 0.12, "calibration_error": 0.06,
        ...     "log_loss": 0.5, "confusion": ((4, 1), (1, 4)),
        ... }
        >>> scores = ValScores(**raw | {"calibration_error": 0.02}, uncalibrated=raw)
        >>> scores.uncalibrated.calibration_error, scores.calibration_error
        (0.06, 0.02)
    """

    uncalibrated: Scores


class SubgroupScores(_Record):
    """Accuracy on the images that have an attribute, or on those that do not.

    Attributes:
        count: Number of images in the subgroup.
        accuracy: Share of correct decisions, 0..1.
        accuracy_interval: Ends of the accuracy's 95 % interval, see `metrics.accuracy_interval`.
    """

    count: int
    accuracy: float
    accuracy_interval: tuple[float, float]


class Subgroup(_Record):
    """An attribute as annotated, and the accuracy with and without it.

    Attributes:
        attribute: Name of the column.
        gap: Accuracy with the attribute less that without it, -1..1.
        with_: Figures of the images that have it (`with` in JSON).
        without: Figures of the others.

    Example:
        >>> smiling = SubgroupScores(count=60, accuracy=0.9, accuracy_interval=(0.8, 0.95))
        >>> others = SubgroupScores(count=40, accuracy=0.95, accuracy_interval=(0.84, 0.99))
        >>> subgroup = Subgroup(attribute="Smiling", gap=-0.05, with_=smiling, without=others)
        >>> list(subgroup.model_dump(by_alias=True))
        ['attribute', 'gap', 'with', 'without']
    """

    attribute: str
    gap: float
    with_: SubgroupScores = Field(
        serialization_alias="with", validation_alias=AliasChoices("with", "with_")
    )
    without: SubgroupScores


class TestScores(ValScores):
    """Figures of the test split.

    Attributes:
        subgroups: Accuracy by each annotated attribute; empty where there are none.
        datasets: Figures of each data set by its name, where several were joined.
    """

    __test__ = False  # not a test class, for all its name

    subgroups: tuple[Subgroup, ...] = ()
    datasets: dict[str, Scores] = Field(default_factory=dict)


class OperatingPoint(_Record):
    """How sure the model must be to name a class; below that it says "uncertain".

    Attributes:
        least: Smallest probability of each class with which it is named.
        target_accuracy: Accuracy wanted of the decisions given.
        accuracy: Accuracy that they reach on the validation split.
        accuracy_bound: Lower end of that accuracy's 95 % interval, None in runs made before it was
            asked for; of those made before `calibration`, the lower end of a one-sided one.
        share_uncertain: Share of the validation split that gets no decision.

    Example:
        >>> point = OperatingPoint(
        ...     least=(0.7, 0.7), target_accuracy=0.98, accuracy=0.991, accuracy_bound=0.982,
        ...     share_uncertain=0.05,
        ... )
        >>> point.accuracy_bound >= point.target_accuracy
        True
    """

    least: tuple[float, ...]
    target_accuracy: float
    accuracy: float
    accuracy_bound: float | None = None
    share_uncertain: float


class Calibration(_Record):
    """What turns a label's logits into those whose probabilities are calibrated.

    Of two classes this is Platt's scaling (1999), of more it is vector scaling (Guo et al., 2017)
    with one slope for all classes.

    Attributes:
        slope: Positive number that the logits are multiplied by.
        bias: Number that is then added to each logit, one a logit of the label.

    Example:
        >>> Calibration(slope=0.5, bias=(1.0,)).apply(np.array([[4.0], [-2.0]])).tolist()
        [[3.0], [0.0]]
    """

    slope: float = Field(gt=0)
    bias: tuple[float, ...] = Field(min_length=1)

    @classmethod
    def none(cls, label: Label) -> Self:
        """Return the calibration that changes nothing.

        Args:
            label: The label.

        Example:
            >>> Calibration.none(GENDER)
            Calibration(slope=1.0, bias=(0.0,))
        """
        return cls(slope=1.0, bias=(0.0,) * label.width)

    def apply(self, logits: np.ndarray) -> np.ndarray:
        """Return the calibrated logits.

        Args:
            logits: Logits of the label, float [N, width].

        Returns:
            float [N, width].
        """
        return self.slope * logits + np.asarray(self.bias)


class LabelFacts(_Record):
    """What is known about a winner on one label.

    Attributes:
        label: The label, with its classes.
        calibration: What its logits are scaled by.
        operating_point: Chosen on validation images.
        val: Figures of the validation split, each fifth of its people calibrated by the others.
        test: Figures of the test split, which was used for nothing else.
    """

    label: Label
    calibration: Calibration
    operating_point: OperatingPoint
    val: ValScores
    test: TestScores

    @model_validator(mode="before")
    @classmethod
    def _temperature_was_the_calibration(cls, content: Any) -> Any:
        """Read `temperature`, by which earlier versions divided the logits."""
        if not isinstance(content, dict) or not {"temperature", "label"} <= content.keys():
            return content
        label, temperature = Label.model_validate(content["label"]), content["temperature"]
        if not isinstance(temperature, int | float) or not temperature > 0:
            raise ValueError("temperature must be a positive number")
        calibration = {"slope": 1 / temperature, "bias": (0.0,) * label.width}
        others = {name: value for name, value in content.items() if name != "temperature"}
        return {**others, "calibration": calibration}

    @model_validator(mode="after")
    def _bias_fits(self) -> Self:
        if len(self.calibration.bias) != self.label.width:
            raise ValueError("the calibration must have a bias for each logit")
        return self


class WeightsOrigin(_Record):
    """Where a backbone's weights came from before fine-tuning.

    Attributes:
        source: "imagenet", a file's name, or "none".
        fingerprint: SHA-256 over all weights, hex.

    Example:
        >>> WeightsOrigin(source="vgg16.weights.h5", fingerprint="2c3d").model_dump_json()
        '{"source":"vgg16.weights.h5","fingerprint":"2c3d"}'
    """

    source: str
    fingerprint: str


class WinnerFacts(_Record):
    """All that is known about a backbone's winner: the JSON beside it, and in `metrics.json`.

    Attributes:
        backbone: Name in the registry.
        origin: Whether its weights are the best trial's or the refit's.
        hyperparameters: Those of the best trial.
        size: Side of the square input, pixels.
        weights: Where the fine-tuning started.
        labels: What is known of each label that it predicts.
        latency_ms: Median time of Keras for one image, None in runs made before it was measured.
        parameters: Number of the model's weights, None likewise.
        bytes: Size of the saved model's file, None likewise.
        history: Epochs of the training that the weights are from.
        seconds: Wall time of that training.
        created: Time of writing, ISO 8601.
        searched: Number of training images that the trials worked on, None in runs made before it
            was recorded.
        trained: Number of training images that the weights are from, None likewise.
    """

    schema_version: Literal[2] = 2
    backbone: str
    origin: Origin
    hyperparameters: Hyperparameters
    size: int
    weights: WeightsOrigin
    labels: tuple[LabelFacts, ...] = Field(min_length=1)
    latency_ms: float | None = None
    parameters: int | None = None
    bytes: int | None = None
    history: tuple[Epoch, ...] = ()
    seconds: float | None = None
    created: str = ""
    searched: int | None = None
    trained: int | None = None

    @property
    def val_brier(self) -> float:
        """Mean over the labels of the Brier score on validation images."""
        return mean(facts.val.brier for facts in self.labels)

    @property
    def val_accuracy(self) -> float:
        """Mean over the labels of the accuracy on validation images."""
        return mean(facts.val.accuracy for facts in self.labels)

    @property
    def test_accuracy(self) -> float:
        """Mean over the labels of the accuracy on test images."""
        return mean(facts.test.accuracy for facts in self.labels)

    def on_how_many(self, images: int) -> str:
        """Say on how many training images it was searched and trained, "" where on all.

        Args:
            images: Number of training images of the run.
        """
        if self.searched is None or self.trained is None or self.searched >= images:
            return ""
        if self.trained >= images:
            then = "the winner was then trained on all"
        elif self.trained > self.searched:
            then = f"the winner was then trained on {self.trained:,} of them"
        else:
            then = "training on more did not make the winner better, or there was no time for it"
        return f"searched on {self.searched:,} of {images:,} training images, {then}"

    @model_validator(mode="before")
    @classmethod
    def _gender_was_the_only_label(cls, content: Any) -> Any:
        """Read version 1, in which the facts of the one label stood among the others."""
        if not isinstance(content, dict) or content.get("schema_version", 1) != 1:
            return content
        if "labels" in content:
            return {**content, "schema_version": 2}
        try:
            facts = {name: content[name] for name in ("temperature", "val", "test")}
            band = content["band"]
            least = (1 - band["low"], band["high"])
        except (KeyError, TypeError):
            return content
        known = ("target_accuracy", "accuracy", "share_uncertain")
        point = {name: band[name] for name in known if name in band} | {"least": least}
        label = {"label": GENDER, "operating_point": point, **facts}
        others = {k: v for k, v in content.items() if k not in (*facts, "band")}
        return {**others, "schema_version": 2, "labels": [label]}


class DataFacts(_Record):
    """The data set of a run.

    Attributes:
        name: Name of the format, or of the data set.
        synthetic: Whether it is drawn portraits.
        fingerprint: SHA-256 (hex) of the decoded images.
        rows: SHA-256 (hex) of labels, persons and splits, None in runs that did not record it.

    Example:
        >>> DataFacts(name="CelebA", synthetic=False, fingerprint="0a1b").rows is None
        True
    """

    name: str
    synthetic: bool
    fingerprint: str
    rows: str | None = None


class SplitFacts(_Record):
    """One split of a run.

    Attributes:
        count: Number of images in the split.
        classes: Number of images of each class, by label and class.
        identities: Number of persons, 0 where they are not known.

    Example:
        >>> classes = {"gender": {"woman": 116, "man": 84}}
        >>> SplitFacts(count=200, classes=classes, identities=150).classes["gender"]["man"]
        84
    """

    count: int
    classes: dict[str, dict[str, int]] = Field(default_factory=dict)
    identities: int

    @model_validator(mode="before")
    @classmethod
    def _share_of_men_was_recorded(cls, content: Any) -> Any:
        """Read `share_man` of runs that knew no other label."""
        if not isinstance(content, dict) or "share_man" not in content:
            return content
        count = content.get("count", 0)
        men = round(count * content["share_man"])
        return {**content, "classes": {GENDER.name: {"woman": count - men, "man": men}}}


class ImageFacts(_Record):
    """The images of a run.

    Attributes:
        framing: Part of each image that is used.
        detected: Names of the data sets whose faces the detector found and aligned first.
        broken: Path and reason of each file that could not be read, or shows no face where one
            was searched for.
        notes: Remarks on what was left out, a line each.
        splits: Figures of each split by its name: "train", "val" and "test".

    Example:
        >>> half = SplitFacts(count=100, identities=0)
        >>> images = ImageFacts(framing="face", splits={"train": half, "test": half})
        >>> sum(split.count for split in images.splits.values())
        200
    """

    framing: Framing
    detected: tuple[str, ...] = ()
    broken: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    splits: dict[str, SplitFacts]


class RunConfig(_Versioned):
    """Settings, data and versions of a run: `config.json`.

    Attributes:
        settings: What the user chose.
        data: Data set that the images are taken from.
        images: Images of the data set that are used.
        weights: Source of the pretrained weights that were really used.
        versions: Version of each package that takes part, by its name.
        labels: What is learned.

    Example:
        >>> config = RunConfig(
        ...     settings=Settings(data="faces", backbones=("vgg16",), size=96),
        ...     data={"name": "CelebA", "synthetic": False, "fingerprint": "0a1b"},
        ...     images={"framing": "face", "splits": {}},
        ...     weights="imagenet",
        ...     versions={"keras": "3.15.0"},
        ... )
        >>> RunConfig.model_validate_json(config.model_dump_json()) == config
        True
    """

    settings: Settings
    data: DataFacts
    images: ImageFacts
    weights: str
    versions: dict[str, str]
    labels: tuple[Label, ...] = (GENDER,)

    @model_validator(mode="before")
    @classmethod
    def _format_was_the_version(cls, content: Any) -> Any:
        """Read `format`, which the schema version was called before."""
        if isinstance(content, dict) and "format" in content:
            return {**content, "schema_version": content["format"]}
        return content


class ChosenWinner(_Record):
    """The best winner, and its figures on validation images without the luck of being chosen.

    Attributes:
        backbone: Name of the backbone with the lowest Brier score on validation images.
        among: Number of winners that it was chosen among.
        val_brier: Its Brier score on them, as in its facts.
        val_brier_corrected: What is expected on other images, see `tuning.metrics.choice`.
        val_accuracy: Its accuracy on them, as in its facts.
        val_accuracy_corrected: What is expected on other images.

    Example:
        >>> chosen = ChosenWinner(
        ...     backbone="vgg16", among=5, val_brier=0.041, val_brier_corrected=0.043,
        ...     val_accuracy=0.951, val_accuracy_corrected=0.946,
        ... )
        >>> round(100 * (chosen.val_accuracy - chosen.val_accuracy_corrected), 1)
        0.5
    """

    backbone: str
    among: int
    val_brier: float
    val_brier_corrected: float
    val_accuracy: float
    val_accuracy_corrected: float


class RunMetrics(_Versioned):
    """What a finished run reached: `metrics.json`.

    Attributes:
        run: Name of the run.
        notices: What a reader of the figures must know, a line each.
        seconds: Time worked on the run.
        winners: Facts of each backbone's winner, by their Brier score on validation images.
        chosen: The first of them, with the choice corrected for; None in runs made before it was.

    Example:
        >>> notices = ("trained on drawn faces",)
        >>> RunMetrics(run="faces", notices=notices, seconds=60.0, winners={}).model_dump_json()
        '{"schema_version":1,"run":"faces","notices":["trained on drawn faces"],"seconds":60.0,...
    """

    run: str
    notices: tuple[str, ...] = ()
    seconds: float | None = None
    winners: dict[str, WinnerFacts]
    chosen: ChosenWinner | None = None

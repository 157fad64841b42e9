"""What a run's JSON files say: one record each, with a schema version.

Files of earlier versions can be read: what they lack has a default, what they have besides is
passed over.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import mean
from typing import Any, Literal, Self

import numpy as np
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, model_validator

from data import GENDER, Framing, Label
from tuning.runs.settings import Settings

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
        stages: Number of the backbone's stages, from the pixels, behind which the head sits; what
            lies behind it is left out.
        depth: Fine-tuning depth: the last `depth` of these stages train, 0 trains the head alone.
        grid: Side of the grid over whose fields the head averages its map, 1 for the whole map.
        learning_rate: Learning rate of the fine-tuned stages.
        head_units: Width of the head's hidden layer, 0 for none.
        dropout: Dropout rate before each dense layer of the head, 0..1, while stages train.

    Example:
        >>> chosen = {"stages": 4, "depth": 1, "grid": 6, "learning_rate": 1e-4, "head_units": 0}
        >>> Hyperparameters(**chosen, dropout=0.3).cut
        3
    """

    stages: int
    depth: int
    grid: int
    learning_rate: float
    head_units: int
    dropout: float

    @property
    def cut(self) -> int:
        """Number of stages that stay frozen."""
        return self.stages - self.depth

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Take the hyperparameters out of Keras Tuner's values, which may hold others as well.

        Args:
            values: Keras Tuner's values by name.

        Example:
            >>> values = {"stages": 3, "depth": 0, "grid": 6, "learning_rate": 1e-4}
            >>> Hyperparameters.of(values | {"head_units": 64, "dropout": 0.3, "more": 2}).grid
            6
        """
        return cls(
            stages=int(values["stages"]),
            depth=int(values["depth"]),
            grid=int(values["grid"]),
            learning_rate=float(values["learning_rate"]),
            head_units=int(values["head_units"]),
            dropout=round(float(values["dropout"]), 3),
        )


class Leg(_Record):
    """A part of a training, behind which it was scored; figures of several labels are their means.

    Attributes:
        leg: Number of the leg, from 1.
        images: Number of training images that were seen up to its end, each time counted.
        seconds: Wall time of the leg with its scoring.
        loss: Mean training loss, nats.
        val_accuracy: Accuracy on validation images, 0..1.
        val_auc: Area under the ROC curve on validation images, 0..1.
        val_brier: Mean squared error of the probabilities on validation images (Brier, 1950), 0..1.
        val_loss: Cross-entropy on validation images, nats.

    Example:
        >>> scores = {"val_accuracy": 0.8, "val_auc": 0.9, "val_brier": 0.1, "val_loss": 0.4}
        >>> Leg(leg=1, images=2000, seconds=2.5, loss=0.5, **scores).model_dump_json()
        '{"leg":1,"images":2000,"seconds":2.5,"loss":0.5,"val_accuracy":0.8,"val_auc":0.9,...
    """

    leg: int
    images: int
    seconds: float
    loss: float
    val_accuracy: float
    val_auc: float
    val_brier: float
    val_loss: float


class TrialResult(_Record):
    """What a training reached so far: its best leg on the validation split.

    Attributes:
        hyperparameters: Hyperparameters of the training.
        score: Objective of the search, smaller is better: the Brier score that is expected of other
            images. Of a closed-form head that of its out-of-fold predictions for training images
            and its predictions for validation images together; of others, which have none out of
            fold, that of validation images and the correction of the best closed-form head.
        val_accuracy: Accuracy, 0..1.
        val_auc: Area under the ROC curve, 0..1.
        val_brier: Mean squared error of the calibrated probabilities (Brier, 1950), 0..1.
        val_loss: Mean cross-entropy, nats.
        epochs: How often each training image was seen by the fine-tuned stages, or by a head
            without a closed form; 0 for one that has it.
        seconds: Wall time of the whole training.
        trained: Number of training images.
        history: All legs, in order.

    Example:
        >>> chosen = {"stages": 4, "depth": 1, "grid": 6, "learning_rate": 1e-4, "head_units": 0}
        >>> result = TrialResult(
        ...     hyperparameters=chosen | {"dropout": 0.3}, score=0.11, val_accuracy=0.8,
        ...     val_auc=0.9, val_brier=0.1, val_loss=0.4, epochs=1.5, seconds=30.0, trained=4000,
        ... )
        >>> result.hyperparameters.cut, f"{result.seconds / result.epochs:.0f} s an epoch"
        (3, '20 s an epoch')
    """

    hyperparameters: Hyperparameters
    score: float
    val_accuracy: float
    val_auc: float
    val_brier: float
    val_loss: float
    epochs: float
    seconds: float
    trained: int
    history: tuple[Leg, ...] = ()

    @property
    def correction(self) -> float:
        """How much harder other images are than the validation images, in the Brier score."""
        return self.score - self.val_brier

    @property
    def seen(self) -> int:
        """Number of training images seen, each time and in each view counted."""
        return self.history[-1].images if self.history else self.trained


class TrialRecord(_Versioned):
    """A trial: `record.json` in its folder, written when it begins and behind each of its legs.

    Attributes:
        trial: Keras Tuner's identifier of the trial, such as "0003".
        values: Keras Tuner's hyperparameter values by name.
        result: Best leg so far, None before the first and where the trial failed.
        ended: Why no further leg is trained, such as "converged" or the reason of a failure; empty
            while it may go on.
        start: Identifier of the trial with whose weights it began, None for pretrained ones.
        from_pixels: Whether it trains on all images from pixels, more than are cached.

    Example:
        >>> values = {"stages": 4, "depth": 0, "grid": 6, "learning_rate": 1e-4}
        >>> values |= {"head_units": 64, "dropout": 0.3}
        >>> record = TrialRecord(trial="0000", values=values, result=None, ended="out of memory")
        >>> record.status, record.hyperparameters.head_units
        ('failed', 64)
    """

    trial: str
    values: TunerValues
    result: TrialResult | None
    ended: str = ""
    start: str | None = None
    from_pixels: bool = False

    @property
    def status(self) -> Literal["open", "ended", "failed"]:
        """Whether the trial may go on, has ended, or has failed."""
        if not self.ended:
            return "open"
        return "ended" if self.result else "failed"

    @property
    def hyperparameters(self) -> Hyperparameters:
        """What is tried."""
        return Hyperparameters.of(self.values)

    @property
    def score(self) -> float:
        """Objective that was reached, infinite without a result."""
        return self.result.score if self.result else math.inf


class SearchImages(_Versioned):
    """The images that a training works on; those of a study: `images.json`.

    Attributes:
        train: Number of training images; a larger sample holds the smaller ones.
        val: Number of validation images.
        views: Number of views of the training images whose activations at the cut are cached: 2, 1
            (the plain one alone), or 0 where it is trained from pixels.

    Example:
        >>> SearchImages(train=8000, val=1000, views=2).views
        2
    """

    train: int
    val: int
    views: int


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
        trial: Keras Tuner's identifier of the trial that its weights are from.
        hyperparameters: Those of the trial.
        score: Objective of the search that the trial reached, see `TrialResult`.
        size: Side of the square input, pixels.
        weights: Where the fine-tuning started.
        labels: What is known of each label that it predicts.
        latency_ms: Median time of Keras for one image.
        parameters: Number of the model's weights.
        bytes: Size of the saved model's file.
        history: Legs of the trial.
        seconds: Wall time of the trial.
        created: Time of writing, ISO 8601.
        trained: Number of training images that the weights are from.
    """

    schema_version: Literal[3] = 3
    backbone: str
    trial: str
    hyperparameters: Hyperparameters
    score: float
    size: int
    weights: WeightsOrigin
    labels: tuple[LabelFacts, ...] = Field(min_length=1)
    latency_ms: float
    parameters: int
    bytes: int
    history: tuple[Leg, ...] = ()
    seconds: float
    created: str
    trained: int

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
        """Say on how many training images it was trained, "" where on all.

        Args:
            images: Number of training images of the run.
        """
        if self.trained >= images:
            return ""
        return f"trained on {self.trained:,} of {images:,} training images"


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


class RunConfig(_Record):
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

    schema_version: Literal[2] = 2
    settings: Settings
    data: DataFacts
    images: ImageFacts
    weights: str
    versions: dict[str, str]
    labels: tuple[Label, ...] = (GENDER,)


class ChosenWinner(_Record):
    """The best winner, and its figures on validation images without the luck of being chosen.

    Attributes:
        backbone: Name of the backbone with the lowest score.
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
        winners: Facts of each backbone's winner, by their score.
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

"""The exported models that the page can use: which there are, their figures, and loading them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Self, cast

from data import Label
from inference.bundle import Bundle, Precision, read, read_index
from inference.classifier import Classifier
from inference.detection.finder import Finder
from inference.errors import BundleError
from inference.served.errors import RefusedError
from inference.served.log import log_line
from inference.served.origin import WHY, is_withheld, without_withheld

AUTOMATIC = "as checked"
"""Choice of the precision that is faster here, among those that predict as they did at export."""

PRECISIONS = (AUTOMATIC, "int8", "fp32")
"""All choices of a precision."""


@dataclass(frozen=True)
class ModelFigures:
    """A model's figures as measured at export, in the precision that was the faster one then.

    Attributes:
        model: Name of the model's folder.
        labels: Labels that it predicts, with the names of their classes.
        test_accuracy: Share of correct predictions on the test images, in 0..1; of several
            labels the mean.
        test_accuracy_interval: Ends of its 95 % interval, in 0..1.
        precision: Precision of the figures, "int8" or "fp32".
        latency_ms: Milliseconds to classify one face.
        throughput: Faces a second in batches.
        megabytes: Size of the ONNX file in 10^6 bytes.
        synthetic: Whether the model was trained on drawn faces, and its figures only show that the
            pipeline works.
    """

    model: str
    labels: dict[str, tuple[str, ...]]
    test_accuracy: float | None
    test_accuracy_interval: tuple[float, float] | None
    precision: Precision
    latency_ms: float | None
    throughput: float | None
    megabytes: float
    synthetic: bool

    @classmethod
    def of(cls, bundle: Bundle) -> Self:
        """Read the figures of a bundle.

        Args:
            bundle: Bundle with at least one precision that may be served.

        Returns:
            The figures; those that the export did not measure are None.

        Raises:
            BundleError: No precision may be served.
        """
        precision = bundle.choose()
        measured, metrics = bundle.info.formats[precision], bundle.info.metrics
        return cls(
            model=bundle.folder.name,
            labels=as_json(bundle.info.classes),
            test_accuracy=metrics.test_accuracy,
            test_accuracy_interval=metrics.test_accuracy_interval,
            precision=precision,
            latency_ms=measured.latency_ms,
            throughput=measured.throughput,
            megabytes=measured.bytes / 1e6,
            synthetic=bundle.info.synthetic,
        )

    def to_dict(self) -> dict[str, object]:
        """Return the figures as the API's JSON has them."""
        return asdict(self)


def as_json(labels: Sequence[Label]) -> dict[str, tuple[str, ...]]:
    """Return labels as the API's JSON has them: the classes of each.

    Example:
        >>> as_json([Label(name="Smiling", classes=("no", "yes"))])
        {'Smiling': ('no', 'yes')}
    """
    return {label.name: label.classes for label in labels}


class ServedModels:
    """The exported models that can be used, the champion first, or the next in rank.

    The first model is loaded at once, each other one when it is first asked for. Make one with
    `ServedModels.read`. What is kept back (see `inference.served.origin`) is not in `bundles`, and
    no classifier gives it.

    Args:
        folder: Folder that the export wrote.
        classify_origin: Whether labels of origin are offered as well.
        threads: Number of threads of a run; None for the number of physical cores.
        finder: Function that prepares the faces of a picture; None for `FaceFinder`.

    Attributes:
        folder: Folder that the export wrote.
        bundles: Bundles that can be used, in rank order, their facts without labels kept back.
        closed: Bundles of which every label is kept back.
        withheld: Labels that are kept back, by the names of their models.
        left_out: Names of the models that cannot be used, in rank order.
    """

    def __init__(
        self,
        folder: Path,
        classify_origin: bool = False,
        threads: int | None = None,
        finder: Finder | None = None,
    ) -> None:
        self.folder = folder
        self.bundles: list[Bundle] = []
        self.closed: list[Bundle] = []
        self.withheld: dict[str, tuple[Label, ...]] = {}
        self.left_out: list[str] = []
        self._classify_origin = classify_origin
        self._threads = threads
        self._finder = finder
        self._loading = Lock()
        self._exported: dict[str, Bundle] = {}
        self._classifiers: dict[tuple[str, Precision | None], Classifier] = {}

    @classmethod
    def read(
        cls,
        folder: Path,
        classify_origin: bool = False,
        threads: int | None = None,
        finder: Finder | None = None,
    ) -> Self:
        """Read the bundles; those that are damaged are logged and left out.

        Args:
            folder: Folder that the export wrote.
            classify_origin: Whether labels of origin are offered as well.
            threads: Number of threads of a run; None for the number of physical cores.
            finder: Function that prepares the faces of a picture; None for `FaceFinder`.

        Returns:
            The models, of which the first one is loaded and known to work.

        Raises:
            BundleError: None of the models can be used.
        """
        index = read_index(folder)
        models = cls(folder, classify_origin, threads, finder)
        for name in index.ranked:
            try:
                models._add(name)
            except BundleError as error:
                models.left_out.append(name)
                log_line(f"left out: {error}")
        if not models.bundles and not models.closed:
            raise BundleError(
                f"none of the models in {folder} can be used: run `make export` again"
            )
        if models.names and models.names[0] != index.champion:
            log_line(
                f"the champion {index.champion} is replaced by {models.names[0]}, next in rank"
            )
        return models

    def become(self, other: "ServedModels") -> None:
        """Take the place of these models: who holds this object has the others from now on.

        Args:
            other: Models that were read and checked.
        """
        with self._loading:
            self.bundles, self.closed = other.bundles, other.closed
            self.withheld, self.left_out = other.withheld, other.left_out
            self._exported, self._classifiers = other._exported, other._classifiers

    def _add(self, name: str) -> None:
        """Add a model; the default one must be seen to work."""
        bundle = self._exported[name] = read(self.folder / name)
        bundle.choose()
        kept_back = [one for one in bundle.info.classes if is_withheld(one, self._classify_origin)]
        info = without_withheld(bundle.info, self._classify_origin)
        if info and not self.bundles:
            self._load(replace(bundle, info=info), None)
        if kept_back:
            self.withheld[name] = tuple(kept_back)
        if info:
            self.bundles.append(replace(bundle, info=info))
        else:
            self.closed.append(bundle)

    @property
    def names(self) -> list[str]:
        """The names of the models that classify, in rank order."""
        return [bundle.folder.name for bundle in self.bundles]

    @property
    def labels(self) -> list[Label]:
        """The labels that any of the models gives, each once."""
        return list(dict.fromkeys(one for bundle in self.bundles for one in bundle.info.classes))

    @property
    def figures(self) -> list[ModelFigures]:
        """The figures of the models that classify, in rank order."""
        return [ModelFigures.of(bundle) for bundle in self.bundles]

    def bundle(self, name: str) -> Bundle:
        """Return the bundle of a model.

        Args:
            name: Name as visitors send it.

        Returns:
            The bundle in `bundles` of that name.

        Raises:
            RefusedError: There is no model of that name, or its labels are kept back.
        """
        for bundle in self.bundles:
            if bundle.folder.name == name:
                return bundle
        if any(bundle.folder.name == name for bundle in self.closed):
            raise RefusedError(f"this model's label is not offered: {WHY.rstrip('.')}")
        raise RefusedError(f"there is no such model; there are: {', '.join(self.names)}")

    def load(self, name: str, precision: str = AUTOMATIC) -> Classifier:
        """Load a model, or return the one that was loaded before.

        Args:
            name: Name as visitors send it.
            precision: One of `PRECISIONS`, as visitors send it.

        Returns:
            The classifier.

        Raises:
            RefusedError: There is no such model, or it was not exported in that precision.
            BundleError: The model is damaged.
        """
        bundle = self.bundle(name)
        if precision == AUTOMATIC:
            return self._load(bundle, None)
        if precision not in bundle.info.formats or precision not in PRECISIONS:
            raise RefusedError("this model was not exported in that precision")
        return self._load(bundle, cast(Precision, precision))

    def load_all(self) -> dict[str, Classifier]:
        """Load all models but those that turn out to be damaged, which are logged.

        Returns:
            At least one classifier, by the name of its model, in rank order.

        Raises:
            BundleError: All models are damaged.
        """
        loaded = {}
        for name in self.names:
            try:
                loaded[name] = self.load(name)
            except BundleError as error:
                log_line(f"left out: {error}")
        if not loaded:
            raise BundleError(f"none of the models in {self.folder} can be used any more")
        return loaded

    def _load(self, bundle: Bundle, precision: Precision | None) -> Classifier:
        key = (bundle.folder.name, precision)
        with self._loading:
            if key not in self._classifiers:
                exported = self._exported[bundle.folder.name]  # its check images are of all labels
                classifier = Classifier.from_bundle(
                    exported, precision, self._threads, self._finder
                )
                self._classifiers[key] = replace(classifier, info=bundle.info)
            return self._classifiers[key]

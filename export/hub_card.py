"""The card that a hub shows of a pushed bundle: README.md with front matter in YAML."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from inference.bundle import BundleInfo, LabelInfo, Metrics

THUMBNAIL = "thumbnail.png"

_TASK = "image-classification"
_FIGURES = {  # of the test split: the metric's name on hubs, and what it is
    "balanced_accuracy": ("balanced_accuracy", "balanced accuracy"),
    "macro_f1": ("f1", "macro F1"),
    "auc": ("roc_auc", "area under the ROC curve"),
    "calibration_error": ("expected_calibration_error", "expected calibration error"),
}
_NON_COMMERCIAL = {  # data sets whose publishers allow research alone
    "CelebA": "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
    "UTKFace": "https://susanqq.github.io/UTKFace/",
}

_USE = """\
![Test accuracy with its interval, beside a drawn face]({thumbnail})

## Use it
```python
from inference import Classifier  # of face-classifier-tuner

for face in Classifier.load("hf://{repository}").predict("group.jpg"):
    print(face.box.left, face.box.top, face.label, round(face.predictions[0].probability, 3))
```

`face-classifier predict photos/ --models hf://{repository} --csv faces.csv` writes a row a face.
Both fetch the bundle once, check it against the SHA-256 in `bundle.json`, and need no network
afterwards. The ONNX files alone need nothing but onnxruntime. The SavedModel that the card tells of
is not in this repository.
"""


def readme(info: BundleInfo, card: str, repository: str, license_id: str | None, home: str) -> str:
    """Write the card.

    Args:
        info: Facts of the bundle as it is pushed.
        card: The bundle's `MODEL_CARD.md`.
        repository: Repository on the hub, such as "ann/faces".
        license_id: License of the model as hubs name it, such as "cc-by-4.0"; None for what the
            data set demands, see `license_of`.
        home: Address of the hub, such as "https://huggingface.co".

    Returns:
        Front matter, picture, how to use it, and the bundle's card.
    """
    head, heading, rest = card.partition("\n## ")  # warnings stand in the head
    use = _USE.format(thumbnail=THUMBNAIL, repository=repository)
    front = front_matter(info, license_id, f"{home}/{repository}/resolve/main/{THUMBNAIL}")
    return f"---\n{front.to_yaml()}\n---\n\n{head.rstrip()}\n\n{use}{heading}{rest}"


def front_matter(info: BundleInfo, license_id: str | None, thumbnail: str) -> ModelCardData:
    """Return what a hub reads of the card: library, tags, figures, data set and license.

    Args:
        info: Facts of the bundle as it is pushed.
        license_id: License as hubs name it; None for what the data set demands.
        thumbnail: Address of the picture.

    Example:
        >>> info = BundleInfo(
        ...     backbone="vgg16",
        ...     labels=[{"name": "Smiling", "classes": ("no", "yes"), "output": "p_Smiling",
        ...              "metrics": {"test_accuracy": 0.9, "test_accuracy_interval": (0.87, 0.92)},
        ...     }],
        ...     input={"size": 96, "framing": "face"},
        ...     data={"name": "FairFace", "fingerprint": "0a1b"},
        ...     weights={"source": "imagenet"},
        ... )
        >>> front = front_matter(info, None, "https://huggingface.co/a/b/resolve/main/x.png")
        >>> front.license, front.eval_results[0].metric_value, front.eval_results[0].metric_name
        ('cc-by-4.0', 0.9, 'accuracy (95 % interval 87.0 to 92.0 %)')
    """
    results = [result for label in info.labels for result in _results(info, label)]
    licensed: dict[str, Any] = {"license": license_id} if license_id else {**license_of(info)}
    names = ", ".join(label.name for label in info.labels)
    return ModelCardData(
        library_name="onnx",
        pipeline_tag=_TASK,
        tags=_tags(info),
        metrics=list(dict.fromkeys(result.metric_type for result in results)),
        model_name=f"{info.backbone}: {names}",
        eval_results=results,
        thumbnail=thumbnail,
        **licensed,
    )


def license_of(info: BundleInfo) -> dict[str, str]:
    """Return the license that a model's data set leaves open, as keys of the front matter.

    Args:
        info: Facts of the bundle.

    Returns:
        `license`, and where hubs have no name for it also `license_name` and `license_link`. A
        data set of the user's is "unknown".
    """
    if info.synthetic:
        return {"license": "apache-2.0"}
    names = re.split(r"[^A-Za-z]+", info.data.name)
    for name, link in _NON_COMMERCIAL.items():
        if name in names:
            return {
                "license": "other",
                "license_name": f"{name.lower()}-non-commercial-research",
                "license_link": link,
            }
    return {"license": "cc-by-4.0" if info.data.name == "FairFace" else "unknown"}


def _tags(info: BundleInfo) -> list[str]:
    tags = ["face-classification", "onnxruntime", "keras-tuner", info.backbone]
    tags += ["int8"] if "int8" in info.formats else []
    return tags + (["synthetic"] if info.synthetic else [])


def _results(info: BundleInfo, label: LabelInfo) -> Iterator[EvalResult]:
    """The figures of a label on the test split."""
    metrics = label.metrics
    if metrics.test_accuracy is not None:
        interval = metrics.test_accuracy_interval
        yield _result(info, label, "accuracy", "accuracy", metrics.test_accuracy, interval)
    for key, (kind, name) in _FIGURES.items():
        value = _extra(metrics, key)
        if value is not None:
            yield _result(info, label, kind, name, value)
    int8 = info.formats.get("int8")
    if int8 and int8.accuracy is not None and len(info.labels) == 1:
        interval = int8.accuracy_interval
        yield _result(info, label, "accuracy", "accuracy of INT8", int8.accuracy, interval)


def _extra(metrics: Metrics, key: str) -> float | None:
    value = (metrics.model_extra or {}).get(key)
    return value if isinstance(value, float) else None


def _result(
    info: BundleInfo,
    label: LabelInfo,
    kind: str,
    name: str,
    value: float,
    interval: tuple[float, float] | None = None,
) -> EvalResult:
    args: dict[str, Any] | None = None
    if interval:
        low, high = interval
        name = f"{name} (95 % interval {100 * low:.1f} to {100 * high:.1f} %)"
        args = {"confidence_level": 0.95, "interval": [round(low, 4), round(high, 4)]}
    return EvalResult(
        task_type=_TASK,
        task_name=f"{label.name}, as annotators perceived it",
        dataset_type=re.sub(r"[^a-z0-9]+", "-", info.data.name.lower()).strip("-") or "images",
        dataset_name=info.data.name,
        dataset_config=label.name,
        dataset_split="test",
        dataset_revision=info.data.fingerprint[:16],
        metric_type=kind,
        metric_name=name,
        metric_value=round(value, 4),
        metric_args=args,
    )

"""How well heat maps say what a prediction rests on: `python -m benchmarks.explanations`.

- Deletion (Petsiuk et al., 2018): the pixels of a face are blurred, those first that a map has
  strongest. The sooner the class loses its log-odds, the better the map: lower is better. A map of
  random numbers and one that knows nothing but the middle are measured beside it.
- Sanity (Adebayo et al., 2018): rank correlation with the maps of the same network whose weights
  were shuffled, which must be low.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
import onnx
import typer
from onnx import numpy_helper
from PIL import Image, ImageFilter
from scipy.stats import spearmanr

from data.listing import find_images
from inference import Classifier, HeatMap, whole_image
from inference.explanation.occlusion import GRID, occlusion_map, spots

_STEPS = (0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)  # parts of the face that are blurred
_Probability = Callable[[np.ndarray], np.ndarray]
_Mapper = Callable[[np.ndarray, _Probability], np.ndarray]


def main(
    models: Annotated[Path, typer.Argument(help="Folder that `make export` wrote.")],
    photos: Annotated[Path, typer.Argument(help="Folder of aligned faces, as CelebA's.")],
    backbone: str | None = None,
    faces: int = 40,
) -> None:
    """Measure the maps of a model on some faces."""
    classifier = Classifier.load(models, backbone, finder=whole_image)
    found = find_images(photos).images
    chosen = [Path(path) for path in found[:: max(1, len(found) // faces)][:faces]]
    pixels = [classifier.prepare(path).faces[0].pixels for path in chosen]
    print(f"{classifier.info.backbone}, {classifier.precision}, {len(pixels)} faces")
    for name, mapper in _mappers().items():
        start = time.perf_counter()
        maps = [mapper(face, _probability(classifier, face)) for face in pixels]
        seconds = (time.perf_counter() - start) / len(pixels)
        lost = np.mean([_deletion(classifier, *pair) for pair in zip(pixels, maps, strict=True)])
        print(f"{name:24} log-odds left {lost:5.2f}   {seconds:.2f} s a face")
    print(f"rank correlation with shuffled weights {_sanity(models, classifier, pixels):.2f}")


def _mappers() -> dict[str, _Mapper]:
    random = np.random.default_rng(0)
    middle = -np.hypot(*np.meshgrid(*2 * [np.arange(GRID) - (GRID - 1) / 2]))
    return {
        "blurred, 6 x 6": partial(_by_blur, 6),
        "blurred, 8 x 8": partial(_by_blur, 8),
        "blurred, 11 x 11": partial(_by_blur, 11),
        "gray, 6 x 6": _by_gray,
        "middle of the face": lambda _face, _p: middle,
        "random": lambda _face, _p: random.random((GRID, GRID)),
    }


def _by_blur(grid: int, face: np.ndarray, probability: _Probability) -> np.ndarray:
    return occlusion_map(face, probability, grid).values


def _by_gray(face: np.ndarray, probability: _Probability) -> np.ndarray:
    gray = face.mean(axis=(0, 1)) - face
    copies = (face + spots(len(face))[..., None] * gray).round().astype(np.uint8)
    return -_log_odds(probability(copies)).reshape(GRID, GRID)


def _probability(classifier: Classifier, face: np.ndarray) -> _Probability:
    column = int(classifier.classify(face[None])[0].argmax())
    return lambda batch: classifier.classify(batch)[:, column]


def _deletion(classifier: Classifier, face: np.ndarray, values: np.ndarray) -> float:
    """Return the mean log-odds of the class while the strongest spots are blurred."""
    side = len(face)
    grid = Image.fromarray(values.astype(np.float32))
    strengths = np.asarray(grid.resize((side, side), Image.Resampling.BILINEAR))
    order = np.argsort(-strengths.ravel(), kind="stable")
    blurred = np.asarray(Image.fromarray(face).filter(ImageFilter.GaussianBlur(side / 8)))
    batch = np.repeat(face[None], len(_STEPS), axis=0).reshape(len(_STEPS), -1, 3)
    for row, part in zip(batch, _STEPS, strict=True):
        gone = order[: int(part * len(order))]
        row[gone] = blurred.reshape(-1, 3)[gone]
    p = _probability(classifier, face)(batch.reshape(-1, side, side, 3))
    return float(_log_odds(p).mean())


def _log_odds(p: np.ndarray) -> np.ndarray:
    p = np.clip(p, 1e-4, 1 - 1e-4)
    return np.log(p / (1 - p))


def _sanity(models: Path, classifier: Classifier, faces: Sequence[np.ndarray]) -> float:
    """Return the mean rank correlation with the maps of a network of shuffled weights."""
    path, random = models / classifier.info.backbone / "model.onnx", np.random.default_rng(0)
    model = onnx.load(path)
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.ndim > 1:
            shuffled = random.permutation(values.ravel()).reshape(values.shape)
            tensor.CopyFrom(numpy_helper.from_array(shuffled, tensor.name))
    with TemporaryDirectory() as folder:
        onnx.save(model, Path(folder, "model.onnx"))
        other = Classifier.from_onnx(Path(folder, "model.onnx"), finder=whole_image)
    pairs = [(_map(classifier, face), _map(other, face)) for face in faces]
    return float(np.mean([spearmanr(a.values.ravel(), b.values.ravel())[0] for a, b in pairs]))


def _map(classifier: Classifier, face: np.ndarray) -> HeatMap:
    return occlusion_map(face, lambda batch: classifier.classify(batch)[:, 0])


if __name__ == "__main__":
    typer.run(main)

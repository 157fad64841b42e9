"""Write the folder: everything in it is static, and a browser needs nothing from elsewhere."""

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import platformdirs

from data.atomic import replacing
from export import target_folder
from export.web.facts import (
    WebFacts,
    WebFile,
    WebInput,
    WebLabel,
    accuracy,
    banner,
    form_of,
    question,
)
from export.web.npm import NpmPackage, fetch, members
from inference import bundle
from inference.bundle import Bundle, BundleInfo, Precision
from inference.detection.retinaface import network
from inference.served.origin import without_withheld

ONNXRUNTIME = NpmPackage(
    "onnxruntime-web",
    "1.30.0",
    "sha512-q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ==",
)
"""The package with onnxruntime's WebAssembly, and the hash that the registry gave for it."""

_PAGE = Path(__file__).with_name("page")
_RUNTIME = "onnxruntime"
# By names that every web server knows the type of: some serve .mjs as a download.
_MEMBERS = {
    "dist/ort.wasm.min.mjs": "ort.wasm.min.js",
    "dist/ort-wasm-simd-threaded.mjs": "ort-wasm-simd-threaded.js",
    "dist/ort-wasm-simd-threaded.wasm": "ort-wasm-simd-threaded.wasm",
}
_MODELS = ("model.int8.onnx", "model.fp32.onnx", "checks.png")


class WebError(RuntimeError):
    """The folder cannot be written; the message says what to do."""


def write(models: Path, folder: Path, registry: str) -> int:
    """Write the folder of the champion.

    Args:
        models: Folder that the export wrote.
        folder: Folder to write: new, empty, a fresh clone, or one written before.
        registry: URL of the npm registry, for the first time.

    Returns:
        The bytes of all files that were written.

    Raises:
        WebError: The folder holds something else, or there is no label that the page may show.
        NpmError: onnxruntime-web cannot be fetched.
        BundleError: The models are missing or damaged.
        DetectorError: The face detector is not installed.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp(), "web")
        >>> file.touch()
        >>> write(Path("models"), file, "https://registry.npmjs.org")
        Traceback (most recent call last):
            ...
        export.web.folder.WebError: ...web is a file: give --to a folder
    """
    if trouble := target_folder.trouble(folder, _PAGE / "index.html", "web page of this program"):
        raise WebError(trouble)
    item = bundle.find(models)
    shown = _shown(item)
    cache = platformdirs.user_cache_path("face-classifier", appauthor=False) / "npm"
    runtime = members(fetch(ONNXRUNTIME, registry, cache), list(_MEMBERS))
    contents = {name: path.read_bytes() for name, path in _page_files()}
    contents |= {f"{_RUNTIME}/{_MEMBERS[name]}": content for name, content in runtime.items()}
    contents |= {"retinaface.onnx": network(), **_model_files(item)}
    facts = _facts(item, shown, {name: len(content) for name, content in contents.items()})
    contents["facts.json"] = facts.model_dump_json(indent=1, by_alias=True).encode()
    _write_all(folder, contents)
    return sum(map(len, contents.values()))


def _shown(item: Bundle) -> BundleInfo:
    shown = without_withheld(item.info, classify_origin=False)
    if shown is None:
        names = ", ".join(label.name for label in item.info.labels)
        raise WebError(
            f"{item.folder.name} predicts labels of origin alone ({names}): no page offers that"
        )
    return shown


def _page_files() -> Iterator[tuple[str, Path]]:
    for path in sorted(_PAGE.iterdir()):
        if path.is_file():
            yield path.name, path


def _model_files(item: Bundle) -> dict[str, bytes]:
    forms = item.precisions() or (item.choose(),)
    if not item.info.checks and "fp32" in forms:
        forms = ("fp32",)  # INT8 that nothing shows to be correct in a browser
    files = {f"model.{form}.onnx": item.content(form) for form in forms}
    if item.info.checks:
        item.check_images()
        files["checks.png"] = (item.folder / item.info.checks.file).read_bytes()
    return files


def _facts(item: Bundle, shown: BundleInfo, sizes: dict[str, int]) -> WebFacts:
    def file(name: str) -> WebFile:
        return WebFile(file=name, bytes=sizes[name])

    forms = [form for form in get_args(Precision) if f"model.{form}.onnx" in sizes]
    return WebFacts(
        name=item.folder.name,
        question=question(shown.labels),
        banner=banner(shown),
        accuracy=accuracy(shown),
        input=WebInput(**shown.input.model_dump()),
        labels=tuple(map(WebLabel.of, shown.labels)),
        forms=tuple(form_of(item.info, shown, form, file(f"model.{form}.onnx")) for form in forms),
        checks=file("checks.png") if "checks.png" in sizes else None,
        detector=file("retinaface.onnx"),
        runtime=file(f"{_RUNTIME}/ort-wasm-simd-threaded.wasm"),
    )


def _write_all(folder: Path, contents: dict[str, bytes]) -> None:
    """Write the files one by one, that by which the folder is known first."""
    for name in sorted(contents, key=lambda name: name != "index.html"):
        with replacing(folder / name) as new:
            new.write_bytes(contents[name])
    for name in set(_MODELS) - set(contents):
        (folder / name).unlink(missing_ok=True)

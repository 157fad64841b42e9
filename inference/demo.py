"""The web page: upload, paste or take a picture, choose a model, see how sure it is.

HTTP API (see "Use via API" at the foot of the page):

>>> from gradio_client import Client, handle_file  # doctest: +SKIP
>>> client = Client("http://127.0.0.1:7860")  # doctest: +SKIP
>>> client.predict(handle_file("portrait.jpg"), "resnet50", api_name="/classify")  # doctest: +SKIP
"""

import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
import pandas as pd

from data import ImageError
from inference.bundle import Band, Bundle, BundleError, read, read_index
from inference.classifier import Classifier, Face

MAX_UPLOAD = "20mb"
_QUEUE = 32
_SECONDS_KEPT = 300  # uploads that nobody looks at any more
_CSS = Path(__file__).with_name("demo.css")
_ONE_MODEL = "model"  # events of this group run one at a time: a run uses all cores already

ABOUT = """
### What the answer means
The models learned from face pictures that annotators had marked as showing a man or a woman. The
answer is **what such annotators would most likely have perceived** in this picture. It is not a
person's gender, which a picture cannot show, and the two labels leave out many people.

### What it must not be used for
Deciding anything about a person: access, prices, hiring, policing, advertising by presumed gender,
or anything about someone who did not agree to it. Errors are not spread evenly over people.

### "Uncertain"
Inside its uncertainty band a model does not decide. The band is set at export so that the decisions
that remain reach a stated accuracy on the validation pictures.

### Your picture
It is classified on the machine that runs this page and sent nowhere else. Neither it nor the answer
is stored or logged; the temporary upload is deleted within minutes.

### Framing
The whole picture is taken as one face, framed as the training pictures are: upright, head and
shoulders, the face in the middle. Crop other pictures first.

### Model cards
"""


@dataclass(frozen=True)
class Answer:
    """The faces in a picture, and the time in milliseconds that each part took."""

    backbone: str
    precision: str | None
    decode_ms: float
    model_ms: float
    faces: list[Face]


def serve(models: Path, host: str, port: int) -> None:
    """Serve the page until interrupted. Raises BundleError without models, OSError without port."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with tempfile.TemporaryDirectory(prefix="face-demo-") as uploads:
        os.environ["GRADIO_TEMP_DIR"] = uploads  # so that nothing is left when the server stops
        page = build(models)
        page.launch(
            server_name=host,
            server_port=port,
            share=False,
            quiet=True,
            run_history=False,
            max_file_size=MAX_UPLOAD,
            footer_links=["api"],
            theme=_theme(),
            css_paths=_CSS,
            prevent_thread_lock=True,
        )
        print(f"Open http://{host}:{port} in a browser; Ctrl+C stops the server.", flush=True)
        page.block_thread()


def build(models: Path) -> gr.Blocks:
    """Make the page for the bundles in `models`. Raises BundleError if none can be used."""
    bundles = _readable(models)
    load = cache(lambda backbone: Classifier.load(models, backbone))
    with gr.Blocks(
        title="Face classifier",
        analytics_enabled=False,
        delete_cache=(_SECONDS_KEPT, _SECONDS_KEPT),
    ) as page:
        gr.HTML(_header(bundles))
        with gr.Tab("Photo"):
            _photo_tab(bundles, load)
        with gr.Tab("Models"):
            gr.HTML(_table(bundles))
        with gr.Tab("About"):
            gr.Markdown(ABOUT)
            for bundle in bundles:
                with gr.Accordion(bundle.folder.name, open=False):
                    gr.Markdown(bundle.card or "This model was exported without a card.")
        _api(bundles)
    return page.queue(max_size=_QUEUE)


def _api(bundles: list[Bundle]) -> None:
    def models() -> list[dict]:
        """List the exported models, the champion first, with the figures measured at export."""
        return [_facts(bundle) for bundle in bundles]

    gr.api(models, api_name="models")


def _readable(models: Path) -> list[Bundle]:
    """Read the bundles, champion first; one that is damaged is reported and passed over."""
    index = read_index(models)
    bundles = []
    for name in sorted(index.bundles, key=lambda name: name != index.champion):
        try:
            bundles.append(read(models / name))
        except BundleError as error:
            print(f"passed over: {error}", file=sys.stderr)
    if not bundles:
        raise BundleError(f"none of the models in {models} can be read: run `make export` again")
    return bundles


def _photo_tab(bundles: list[Bundle], load: Callable[[str], Classifier]) -> None:
    names = [bundle.folder.name for bundle in bundles]

    def show(picture: dict[str, Any] | None, backbone: str) -> str:
        if picture is None:
            return _EMPTY
        try:
            return _answer_html(_classify(picture, load(backbone)), load(backbone))
        except (ImageError, BundleError) as error:
            return f'<div class="answer" role="alert"><h3>No answer</h3><p>{_told(error)}</p></div>'

    def classify(picture: dict[str, Any] | None, backbone: str) -> dict[str, Any]:
        """Classify one picture with an exported model."""
        try:
            return asdict(_classify(picture, load(backbone)))
        except (ImageError, BundleError) as error:
            raise gr.Error(_told(error), print_exception=False) from None

    with gr.Row(equal_height=False):
        with gr.Column():
            picture = gr.Image(
                label="Picture of one face",
                sources=["upload", "webcam", "clipboard"],
                height=420,
                buttons=["fullscreen"],
                elem_id="picture",
            )
        with gr.Column():
            answer = gr.HTML(_EMPTY, elem_id="answer")
            model = gr.Radio(
                [(_choice(bundle), name) for bundle, name in zip(bundles, names, strict=True)],
                value=names[0],
                label="Model, with its accuracy on the test pictures",
                elem_id="model",
            )
    # preprocess=False: Pillow reads the upload in `data.decode`, which takes what people have and
    # says what is wrong with the rest; Gradio still checks that the file is an upload.
    gr.on(
        [picture.change, model.change],
        show,
        [picture, model],
        answer,
        preprocess=False,
        api_visibility="private",
        show_progress="minimal",
        concurrency_limit=1,
        concurrency_id=_ONE_MODEL,
    )
    gr.Button(visible=False).click(
        classify,
        [picture, model],
        gr.JSON(visible=False),
        preprocess=False,
        api_name="classify",
        concurrency_limit=1,
        concurrency_id=_ONE_MODEL,
    )


def _classify(picture: dict[str, Any] | None, classifier: Classifier) -> Answer:
    path = (picture or {}).get("path")
    if not path:
        raise ImageError("no picture was sent")
    start = time.perf_counter()
    regions = classifier.prepare(Path(path)).regions
    decoded = time.perf_counter()
    [faces] = classifier.label([regions])
    done = time.perf_counter()
    return Answer(
        classifier.info.backbone,
        classifier.precision,
        (decoded - start) * 1e3,
        (done - decoded) * 1e3,
        faces,
    )


def _told(error: Exception) -> str:
    """What the visitor is told; a model's trouble (with its path) goes to the server's log."""
    if isinstance(error, BundleError):
        print(error, file=sys.stderr)
        return "This model cannot be used; the server's log says why."
    return f"The picture cannot be used: {escape(str(error))}."


_EMPTY = '<div class="answer empty"><p>Upload, paste or take a picture to see the answer.</p></div>'


def _answer_html(answer: Answer, classifier: Classifier) -> str:
    band = classifier.info.band
    cards = "".join(_face_html(face, band) for face in answer.faces)
    return f"""<div class="answer" role="status">{cards or "<h3>No face found</h3>"}
<dl><div><dt>read and resize</dt><dd>{answer.decode_ms:.1f} ms</dd></div>
<div><dt>model</dt><dd>{answer.model_ms:.1f} ms</dd></div>
<div><dt>answered by</dt><dd>{escape(answer.backbone)}, {answer.precision}</dd></div></dl>
<p class="small">What annotators would most likely have perceived, not who a person is.</p>
</div>"""


def _face_html(face: Face, band: Band | None) -> str:
    low, high = (band.low, band.high) if band else (0.0, 0.0)
    verdict = "Uncertain" if face.label == "uncertain" else f"Perceived as a {face.label}"
    undecided = (
        f'<p class="small">Between {low:.0%} and {high:.0%} (shaded) the model does not decide.</p>'
        if band
        else ""
    )
    return f"""<h3>{verdict}</h3>
<div class="ends"><span>woman <b>{1 - face.p_man:.1%}</b></span>
<span>man <b>{face.p_man:.1%}</b></span></div>
<div class="scale" role="img" aria-label="probability of man: {face.p_man:.1%}">
<div class="band" style="left:{low:.1%};width:{high - low:.1%}"></div>
<div class="mark" style="left:{face.p_man:.1%}"></div></div>{undecided}"""


def _header(bundles: list[Bundle]) -> str:
    drawn = [bundle.folder.name for bundle in bundles if bundle.info.synthetic]
    banner = (
        f'<p class="banner" role="note"><b>Trained on drawn faces:</b> {", ".join(drawn)}. '
        "This shows that the program works; on photos of people the answers mean nothing.</p>"
        if drawn
        else ""
    )
    return f"""<header><h1>Face classifier</h1>
<p>Would annotators have labelled this face woman or man, and how sure is the model?</p>
{banner}</header>"""


def _choice(bundle: Bundle) -> str:
    accuracy = bundle.info.metrics.test_accuracy
    return bundle.folder.name + ("" if accuracy is None else f" · {accuracy:.1%}")


def _facts(bundle: Bundle) -> dict[str, Any]:
    """Return the figures measured at export, in the precision that is served."""
    precision = bundle.choose()
    form, metrics = bundle.info.formats[precision], bundle.info.metrics
    return {
        "model": bundle.folder.name,
        "test_accuracy": metrics.test_accuracy,
        "test_accuracy_interval": metrics.test_accuracy_interval,
        "precision": precision,
        "latency_ms": form.latency_ms,
        "throughput": form.throughput,
        "megabytes": form.bytes / 1e6,
        "synthetic": bundle.info.synthetic,
    }


def _table(bundles: list[Bundle]) -> str:
    rows = [
        {
            "Model": facts["model"],
            "Test accuracy": _number(facts["test_accuracy"], ".1%"),
            "95 % interval": " to ".join(
                _number(end, ".1%") for end in facts["test_accuracy_interval"] or (None,)
            ),
            "Served as": facts["precision"],
            "ms a picture": _number(facts["latency_ms"], ".1f"),
            "Pictures a second": _number(facts["throughput"], ".0f"),
            "MB": _number(facts["megabytes"], ".1f"),
        }
        for facts in map(_facts, bundles)
    ]
    html = pd.DataFrame(rows).to_html(index=False, border=0, classes="models")
    return f"""<div class="scroll" tabindex="0">{html}</div>
<p class="small">The first is the champion. Speed as measured when the model was exported: one
picture at a time, and 16 together.</p>"""


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _theme() -> gr.Theme:
    """Use the system's fonts: nothing is fetched from elsewhere."""
    return gr.themes.Soft(
        primary_hue="teal",
        neutral_hue="slate",
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    ).set(
        body_background_fill="*neutral_50",
        block_border_width="1px",
        block_label_background_fill="*background_fill_primary",
        block_label_text_color="*body_text_color",
        block_label_text_color_dark="*body_text_color",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
        block_title_background_fill="none",
        block_title_background_fill_dark="none",
        block_title_text_color="*body_text_color",
        block_title_text_color_dark="*body_text_color",
        checkbox_label_background_fill_selected="*primary_700",
        checkbox_label_background_fill_selected_dark="*primary_700",
    )

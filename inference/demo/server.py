"""Serving the page within bounds: who may reach it, how much they may send, what is left behind."""

import asyncio
import os
import signal
import sys
import tempfile
from pathlib import Path

import gradio as gr
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inference.demo.page import build
from inference.finding import FaceFinder

MAX_UPLOAD = 20_000_000
"""Bytes of a picture at most."""

MAX_BODY = 500_000_000
"""Bytes of one request at most: a batch of pictures comes in one."""

SECONDS_TO_SEND = 60
"""A request whose next part takes longer than this is dropped."""

_HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"permissions-policy": b"camera=(self), microphone=(), geolocation=()",
}
_NO_FRAMES = {b"x-frame-options": b"SAMEORIGIN"}
_CSS = Path(__file__).with_name("demo.css")


def serve(
    models: Path,
    host: str,
    port: int,
    login: tuple[str, str] | None = None,
    embeddable: bool = False,
) -> None:
    """Serve the page until interrupted.

    `login` is the user and password to ask for; `embeddable` lets other sites show the page in a
    frame. Raises BundleError without models or detector, OSError without the port.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    FaceFinder().loaded()
    with tempfile.TemporaryDirectory(prefix="face-demo-") as temporary:
        uploads, examples = Path(temporary, "uploads"), Path(temporary, "examples")
        os.environ["GRADIO_TEMP_DIR"] = str(uploads)  # nothing is left when the server stops
        examples.mkdir()
        page = build(models, examples)
        page.launch(
            server_name=host,
            server_port=port,
            share=False,
            quiet=True,
            run_history=False,
            auth=login,
            max_file_size=MAX_UPLOAD,
            footer_links=["api"],
            theme=_theme(),
            css_paths=_CSS,
            app_kwargs={"middleware": [Middleware(Bounds, embeddable=embeddable)]},
            prevent_thread_lock=True,
        )
        print(f"Open http://{host}:{port} in a browser; Ctrl+C stops the server.", flush=True)
        page.block_thread()


class Bounds:
    """ASGI middleware: requests that are too large or too slow end; answers get safe headers."""

    def __init__(self, app: ASGIApp, embeddable: bool = False) -> None:
        self._app = app
        self._headers = _HEADERS if embeddable else _HEADERS | _NO_FRAMES

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                there = {name.lower() for name, _ in message.get("headers", [])}
                new = [header for header in self._headers.items() if header[0] not in there]
                message["headers"] = [*message.get("headers", []), *new]
            await send(message)

        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if not declared.isdigit() or int(declared) > MAX_BODY:
            await guarded({"type": "http.response.start", "status": 413, "headers": []})
            return await guarded({"type": "http.response.body", "body": b"too large\n"})
        return await self._app(scope, _bounded(receive), guarded)


def _bounded(receive: Receive) -> Receive:
    """Receive a request's body; one that is too large or too slow counts as broken off."""
    received, complete = 0, False

    async def next_part() -> Message:
        nonlocal received, complete
        if complete:  # what comes after the body is the end of the connection: no limit on that
            return await receive()
        try:
            async with asyncio.timeout(SECONDS_TO_SEND):
                message = await receive()
        except TimeoutError:
            return {"type": "http.disconnect"}
        received += len(message.get("body", b""))
        complete = not message.get("more_body", False)
        return message if received <= MAX_BODY else {"type": "http.disconnect"}

    return next_part


def _theme() -> gr.Theme:
    """Use the system's fonts: nothing is fetched from elsewhere."""
    return gr.themes.Soft(
        primary_hue="teal",
        secondary_hue="teal",
        neutral_hue="slate",
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    ).set(
        body_background_fill="*neutral_50",
        block_border_width="1px",
        block_label_background_fill="*background_fill_primary",
        block_label_background_fill_dark="*background_fill_primary",
        block_label_text_color="*body_text_color",
        block_label_text_color_dark="*body_text_color",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
        block_title_background_fill="none",
        block_title_background_fill_dark="none",
        block_title_text_color="*body_text_color",
        block_title_text_color_dark="*body_text_color",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_hover_dark="*primary_800",
        link_text_color="*primary_700",
        link_text_color_dark="*primary_300",
        checkbox_border_color="*neutral_400",
        checkbox_label_background_fill_selected="*primary_700",
        checkbox_label_background_fill_selected_dark="*primary_700",
    )

"""Serving the page: to whom, within which bounds, and what is left behind."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
import uvicorn
from fastapi import FastAPI
from starlette.middleware import Middleware

from inference.demo.guards.bounds import MAX_UPLOAD, Bounds
from inference.demo.guards.connections import BoundedProtocol
from inference.demo.guards.gate import Gate
from inference.demo.guards.headers import SafeHeaders
from inference.demo.guards.hosts import Hosts
from inference.demo.guards.logins import Login
from inference.demo.guards.uploads import SECONDS_BETWEEN_SWEEPS, Uploads
from inference.demo.page import build
from inference.demo.quiet import Quiet
from inference.demo.temporary import own_folder
from inference.detection.finder import FaceFinder

_CSS = Path(__file__).with_name("demo.css")
_SECONDS_TO_END = 2  # for answers under way when the server is stopped
_CONNECTIONS = 500


def serve(
    models: Path,
    host: str,
    port: int,
    login: tuple[str, str] | None = None,
    allowed_hosts: Iterable[str] = (),
    framed_by: Iterable[str] = (),
    proxies: str | None = None,
) -> None:
    """Serve the page until it is interrupted, and leave no picture behind.

    Args:
        models: folder that the export wrote.
        host: address to listen on.
        port: port to listen on.
        login: user and password to ask for.
        allowed_hosts: names, besides this machine's own, by which visitors reach the page.
        framed_by: origins whose pages may show this one in a frame.
        proxies: networks of proxies before the server, e.g. "10.0.0.0/8,172.16.0.0/12", whose word
            counts for who the client is. Left out: what FORWARDED_ALLOW_IPS says, else 127.0.0.1.

    Raises:
        BundleError: there is no model that can be used, or no detector.
        OSError: the server cannot listen there.
    """
    _stop_on(signal.SIGTERM, lambda *_: sys.exit(0))
    _stop_on(_SIGHUP, lambda *_: sys.exit(0))
    FaceFinder().loaded()
    hosts = Hosts.of(host, allowed_hosts)
    with _listening(host, port) as listener, own_folder() as temporary:
        uploads, examples = Uploads(temporary / "uploads"), temporary / "examples"
        os.environ["GRADIO_TEMP_DIR"] = str(uploads.folder)
        examples.mkdir()
        page = build(models, examples, uploads)
        uploads.keep_what_is_there()
        headers = Middleware(SafeHeaders, framed_by=" ".join(["'self'", *framed_by]))
        bounds = [headers, Middleware(Quiet), Middleware(Bounds), Middleware(Gate, hosts, uploads)]
        app = FastAPI(middleware=bounds, lifespan=partial(_sweeping, uploads), openapi_url=None)
        _mount(app, page, login)
        print(_welcome(host, port, hosts), flush=True)
        with suppress(KeyboardInterrupt):
            _server(app, proxies).run([listener])


_SIGHUP = getattr(signal, "SIGHUP", None)  # not on Windows


def _stop_on(number: int | None, stop: Any) -> None:
    """Stop on a signal, unless whoever started the server had it ignored, as nohup does."""
    if number is not None and signal.getsignal(number) != signal.SIG_IGN:
        signal.signal(number, stop)


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    try:
        family, *_, address = socket.getaddrinfo(
            host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        both = family == socket.AF_INET6 and address[0] == "::" and socket.has_dualstack_ipv6()
        listener = socket.create_server(
            address[:2], family=family, backlog=_CONNECTIONS, dualstack_ipv6=both
        )
    except OSError as error:
        raise OSError(f"cannot listen on {host}, port {port}: {error.strerror}") from None
    with listener:
        yield listener


@asynccontextmanager
async def _sweeping(uploads: Uploads, app: FastAPI) -> AsyncIterator[None]:  # noqa: ARG001
    async def sweep() -> None:
        while True:
            await asyncio.sleep(SECONDS_BETWEEN_SWEEPS)
            with suppress(OSError):  # a folder that goes while it is read: next time
                await asyncio.to_thread(uploads.sweep)

    task = asyncio.create_task(sweep())
    yield
    task.cancel()


def _mount(app: FastAPI, page: gr.Blocks, login: tuple[str, str] | None) -> None:
    gr.mount_gradio_app(
        app,
        page,
        "/",
        auth=Login(*login).check if login else None,
        max_file_size=MAX_UPLOAD,
        footer_links=["api"],
        theme=_theme(),
        css_paths=_CSS,
        show_error=False,
        run_history=False,
        ssr_mode=False,
        mcp_server=False,
        pwa=False,
        enable_monitoring=False,
    )


class _Server(uvicorn.Server):
    """Uvicorn, which also ends in good order when its terminal is closed."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        _stop_on(_SIGHUP, self._end)
        with super().capture_signals():
            yield

    def _end(self, *_: object) -> None:
        self.should_exit = True


def _server(app: FastAPI, proxies: str | None) -> uvicorn.Server:
    class Protocol(BoundedProtocol):
        waiting_of_one = None if proxies else BoundedProtocol.waiting_of_one

    config = uvicorn.Config(
        app,
        http=Protocol,
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        forwarded_allow_ips=proxies,
        limit_concurrency=_CONNECTIONS,
        timeout_graceful_shutdown=_SECONDS_TO_END,
    )
    return _Server(config)


def _welcome(host: str, port: int, hosts: Hosts) -> str:
    if not hosts.everywhere:
        name = f"[{hosts.address}]" if ":" in hosts.address else host
        return f"Open http://{name}:{port} in a browser; Ctrl+C stops the server."
    names = ", ".join(sorted(hosts.named)) or "none yet"
    return (
        f"Open http://localhost:{port} in a browser, from other machines this one's IP address; "
        f"by name only those in ALLOWED_HOSTS ({names}). Ctrl+C stops the server."
    )


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

"""Running the service: one process, or several that share a socket."""

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from data.images import share_room
from inference.detection.finder import FaceFinder
from inference.served.http_server import (
    end_on_signals,
    listening,
    make_server,
    url_of,
)
from inference.served.models import ServedModels
from inference.service.access import ApiKeys
from inference.service.settings import Settings
from inference.service.workers import FOLDER_VARIABLE, supervise

if TYPE_CHECKING:
    from inference.service.page import Page


def serve(settings: Settings) -> int:
    """Serve until it is interrupted.

    Args:
        settings: Settings of the service.

    Returns:
        Exit status: 0, or that of a process which could not begin.

    Raises:
        BundleError: No model can be used.
        DetectorError: The face detector is not installed, or is another one.
        OSError: The server cannot listen there.
        ValueError: An API key is too short.
    """
    ApiKeys.parse(settings.keys)
    end_on_signals()
    with listening(settings.host, settings.port) as listener:
        if settings.workers == 1:
            serve_process(settings, listener)
            return 0
        with _counting_together():
            print(_welcome(settings), flush=True)
            return supervise(serve_process, settings, listener)


def serve_process(settings: Settings, listener: socket.socket) -> None:
    """Serve in this process until it is interrupted; raises as `serve`.

    Args:
        settings: Settings of the service.
        listener: Socket that listens.
    """
    # What counts for several processes is decided when the metrics are imported.
    from inference.service.app import make_service
    from inference.service.metrics import Metrics
    from inference.service.reloading import CurrentModels

    share_room(settings.workers)
    finder = FaceFinder(1).loaded()  # one thread a picture: several are searched side by side
    current = CurrentModels(
        settings.models,
        lambda folder: ServedModels.read(folder, settings.classify_origin, 1, finder),
    )
    metrics = Metrics()
    with _page(settings, current.models) as page:
        app = make_service(settings, current, metrics, page)
        limits = settings.seconds_to_end, settings.of_one_client
        server = make_server(app, None, *limits, app.stop)
        if settings.workers == 1:
            print(_welcome(settings), flush=True)
        with suppress(KeyboardInterrupt):
            server.run([listener])


@contextmanager
def _page(settings: Settings, models: ServedModels) -> "Iterator[Page | None]":
    """Make the page, if there is to be one; its uploads are deleted at the end."""
    if not settings.has_page:
        yield None
        return
    from inference.demo.temporary_folder import temporary_folder  # Gradio takes seconds to import
    from inference.service.page import Page

    with temporary_folder() as folder:
        yield Page(settings, folder, models)


@contextmanager
def _counting_together() -> Iterator[None]:
    """Let the processes that are started inside count together, in a folder of their own."""
    with tempfile.TemporaryDirectory(prefix="face-metrics-") as folder:
        os.environ[FOLDER_VARIABLE] = folder
        yield


def _welcome(settings: Settings) -> str:
    url = url_of(settings.host, settings.port)
    page = f", {url} is the page" * settings.has_page
    key = "a key of FACE_CLASSIFIER_API_KEY" if settings.keys else "no key"
    return f"POST {url}/v1/faces needs {key}, {url}/docs says how{page}. Ctrl+C stops the server."

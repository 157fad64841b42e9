"""What Prometheus reads from /metrics. All values of labels are this program's own words."""

import os

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inference.service.errors import Kind
from inference.service.schema import Milliseconds
from inference.service.workers import FOLDER_VARIABLE

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Type of what `Metrics.text` gives."""

PATHS = ("/v1/faces", "/v1/models", "/healthz", "/readyz", "/metrics", "/openapi.json", "/docs")
"""Paths that are counted by themselves; all else is "other", whatever a client asks for."""

disable_created_metrics()  # when a counter began: as many lines again

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_FACES = (0, 1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """Counters and histograms of this process; the text is of all processes together.

    Example:
        >>> metrics = Metrics()
        >>> metrics.error(Kind.TIMEOUT)
        >>> 'face_classifier_errors_total{kind="timeout"} 1.0' in metrics.text().decode()
        True
    """

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            "face_classifier_requests", "Requests", ["path", "status"], registry=registry
        )
        self._errors = Counter(
            "face_classifier_errors", "Requests and pictures with an error", ["kind"],
            registry=registry,
        )  # fmt: skip
        self._seconds = Histogram(
            "face_classifier_request_seconds", "Time of a request to /v1/faces",
            buckets=_SECONDS, registry=registry,
        )  # fmt: skip
        self._parts = Histogram(
            "face_classifier_part_seconds", "Time of a picture by part", ["part"],
            buckets=_SECONDS, registry=registry,
        )  # fmt: skip
        self._queue = Gauge(
            "face_classifier_queue_pictures", "Pictures that wait or are worked on",
            multiprocess_mode="livesum", registry=registry,
        )  # fmt: skip
        self._faces = Counter("face_classifier_faces", "Faces found", registry=registry)
        self._batches = Histogram(
            "face_classifier_batch_faces", "Faces that were classified together",
            buckets=_FACES, registry=registry,
        )  # fmt: skip
        self._reloads = Counter(
            "face_classifier_reloads", "New models that appeared", ["outcome"], registry=registry
        )
        for kind in Kind:
            self._errors.labels(kind)

    def request(self, path: str, status: int) -> None:
        """Count a request.

        Args:
            path: Path as a client sent it.
            status: HTTP status of the response.
        """
        self._requests.labels(path if path in PATHS else "other", str(status)).inc()

    def error(self, kind: Kind) -> None:
        """Count an error."""
        self._errors.labels(kind).inc()

    def seconds(self, took: float) -> None:
        """Note how many seconds a request for faces took."""
        self._seconds.observe(took)

    def picture(self, took: Milliseconds, faces: int) -> None:
        """Note the times of a picture and its number of faces."""
        for part, milliseconds in took:
            self._parts.labels(part).observe(milliseconds / 1e3)
        self._faces.inc(faces)

    def queued(self, pictures: int) -> None:
        """Count pictures that come into the queue, or leave it where negative."""
        self._queue.inc(pictures)

    def batch(self, faces: int) -> None:
        """Note the number of faces of a batch."""
        self._batches.observe(faces)

    def reload(self, succeeded: bool) -> None:
        """Count new models that appeared and were taken, or could not be."""
        self._reloads.labels("taken" if succeeded else "refused").inc()

    def text(self) -> bytes:
        """Return all figures as Prometheus reads them, of all processes where there are several."""
        if FOLDER_VARIABLE not in os.environ:
            return generate_latest(self._registry)
        everyones = CollectorRegistry()
        MultiProcessCollector(everyones)
        return generate_latest(everyones)


class Counted:
    """ASGI middleware: counts every request by path and status, those that guards refuse too.

    Args:
        app: ASGI application whose requests are counted.
        metrics: Figures to count in.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._metrics.request(scope["path"], message["status"])
            await send(message)

        return await self._app(scope, receive, counted)

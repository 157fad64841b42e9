"""The service as an ASGI application, behind its guards, with the page beside it."""

import asyncio
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.types import Receive, Scope, Send

from data.messages import one_line
from inference.runtime.machine import default_threads
from inference.served.guards.bounds import Bounds
from inference.served.guards.bounds import Limits as BoundsLimits
from inference.served.guards.headers import SafeHeaders
from inference.served.guards.hosts import Hosts
from inference.served.guards.own_site import OwnSite
from inference.service.access import ApiKeys
from inference.service.docs_page import add_docs
from inference.service.errors import Kind, ServiceError, as_response, kind_of_status, refused
from inference.service.metrics import PATHS, Counted, Metrics
from inference.service.pipeline import Limits, Pipeline
from inference.service.reloading import CurrentModels
from inference.service.routes import Routes
from inference.service.schema import FacesRequest
from inference.service.sent_pictures import MAX_BODY
from inference.service.settings import Settings

if TYPE_CHECKING:
    from inference.service.page import Page

_OWN = (*PATHS, "/v1/", "/docs/")
_SECONDS_TO_SEND, _SECONDS_FOR_BODY = 10, 60
_SECONDS_FOR_PAGE = 1.0  # for what the page sends when the server is stopped
_ABOUT = """Finds the faces in pictures and says of each what annotators would have perceived.

Pictures are worked on in memory and never kept. Nobody is identified. Every error is JSON with a
`kind` to act on; after 429 and 503 try again when `Retry-After` has passed.
"""


def make_service(
    settings: Settings, current: CurrentModels, metrics: Metrics, page: "Page | None"
) -> "Service":
    """Make the service of a process.

    Args:
        settings: Settings of the service.
        current: Models that are served.
        metrics: Figures to count in.
        page: Page to serve beside it; None for none.

    Returns:
        The application.
    """
    threads = max(1, default_threads() // settings.workers)
    limits = Limits(settings.queue, settings.of_one_client, settings.seconds, threads)
    pipeline = Pipeline(limits, metrics)
    routes = Routes(current.models, pipeline, metrics, ApiKeys.parse(settings.keys))
    return Service(_api(settings, routes, metrics), routes, pipeline, page, current, metrics)


def _api(settings: Settings, routes: Routes, metrics: Metrics) -> FastAPI:
    """Put the routes behind their guards, of which the first in the list sees a request first."""

    def refuse(status: int, reason: str) -> Response:
        metrics.error(kind_of_status(status))
        return refused(status, reason)

    bounds = BoundsLimits(MAX_BODY, _SECONDS_TO_SEND, _SECONDS_FOR_BODY, settings.of_one_client)
    guards = [
        Middleware(Counted, metrics),
        Middleware(SafeHeaders),
        Middleware(Bounds, bounds, refuse),
        Middleware(OwnSite, Hosts.of(settings.host, settings.allowed_hosts), refuse),
    ]
    app = _Documented(
        title="Face classifier",
        version=_version(),
        description=_ABOUT,
        middleware=guards,
        docs_url=None,
        redoc_url=None,
    )
    _answer_errors(app, metrics)
    routes.add_to(app)
    add_docs(app)
    return app


class _Documented(FastAPI):
    """FastAPI, whose document describes the JSON that /v1/faces reads by itself as well."""

    def openapi(self) -> dict[str, Any]:
        if not self.openapi_schema:
            schema = FacesRequest.model_json_schema(ref_template="#/components/schemas/{model}")
            parts = schema.pop("$defs")
            super().openapi()["components"]["schemas"] |= {**parts, "FacesRequest": schema}
        return super().openapi()


def _answer_errors(app: FastAPI, metrics: Metrics) -> None:
    """Make every error JSON of one form."""

    @app.exception_handler(ServiceError)
    async def expected(_: Request, error: ServiceError) -> Response:
        metrics.error(error.kind)
        return as_response(error.kind, str(error))

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        metrics.error(Kind.BAD_REQUEST)
        where = ".".join(map(str, first["loc"]))
        return as_response(Kind.BAD_REQUEST, one_line(f"{where}: {first['msg']}", 200))

    @app.exception_handler(HTTPException)
    async def unknown(_: Request, error: HTTPException) -> Response:
        kind = kind_of_status(error.status_code)
        metrics.error(kind)
        response = as_response(kind, error.detail.lower(), error.status_code)
        response.headers.update(error.headers or {})
        return response


class Service:
    """ASGI application: the API, and beside it the page, which gets all other paths.

    Make one with `make_service`.

    Args:
        api: API with its guards.
        routes: Routes of the API.
        pipeline: Workers on pictures, which end with the application.
        page: Page with its guards; None for an API without one.
        current: Models that are served, which are watched while the application runs.
        metrics: Figures to count reloads in.
    """

    def __init__(
        self,
        api: FastAPI,
        routes: Routes,
        pipeline: Pipeline,
        page: "Page | None",
        current: CurrentModels,
        metrics: Metrics,
    ) -> None:
        self._api = api
        self._routes = routes
        self._pipeline = pipeline
        self._page = page
        self._current = current
        self._metrics = metrics
        self._visits: set[asyncio.Task[Any]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan":
            return await self._live(receive, send)
        if not self._page or scope["path"].startswith(_OWN):
            return await self._api(scope, receive, send)
        return await self._visit(self._page, scope, receive, send)

    def stop(self) -> None:
        """Say that the server ends, and soon break off what the page still sends.

        The page's streams of news have no end of their own.
        """
        self._routes.is_stopping = True
        asyncio.get_running_loop().call_later(_SECONDS_FOR_PAGE, self._break_off)

    def _break_off(self) -> None:
        for task in self._visits:
            task.cancel()

    async def _visit(self, page: "Page", scope: Scope, receive: Receive, send: Send) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._visits.add(task)
        try:
            await page(scope, receive, send)
        finally:
            self._visits.discard(task)

    async def _live(self, receive: Receive, send: Send) -> None:
        """Start, and end when the server does."""
        await receive()
        if self._page:
            await self._page.start()
        watch = asyncio.create_task(self._current.watch(self._reloaded))
        await send({"type": "lifespan.startup.complete"})
        await receive()
        watch.cancel()
        if self._page:
            await self._page.stop()
        await asyncio.to_thread(self._pipeline.close)
        await send({"type": "lifespan.shutdown.complete"})

    async def _reloaded(self, succeeded: bool) -> None:
        self._metrics.reload(succeeded)
        if succeeded and self._page:
            await self._page.change()


def _version() -> str:
    try:
        return version("face-classifier-tuner")
    except PackageNotFoundError:  # sources without an installation
        return "0"

"""The page as an ASGI application: mounted, behind its guards."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import gradio as gr
from fastapi import FastAPI
from starlette.middleware import Middleware

from inference.demo.guards.allowed_requests import AllowedRequests
from inference.demo.guards.logins import Login
from inference.demo.guards.one_line_errors import OneLineErrors
from inference.demo.guards.uploads import SECONDS_BETWEEN_SWEEPS, Uploads
from inference.demo.theme import theme
from inference.served.guards.bounds import MAX_PICTURE, PAGE_LIMITS, Bounds
from inference.served.guards.headers import SafeHeaders
from inference.served.guards.hosts import Hosts
from inference.served.guards.own_site import OwnSite

_CSS = Path(__file__).with_name("page.css")


def guarded_app(
    page: gr.Blocks,
    uploads: Uploads,
    hosts: Hosts,
    login: Login | None = None,
    framed_by: Iterable[str] = (),
) -> FastAPI:
    """Put the page behind its guards.

    Args:
        page: Page with its functions.
        uploads: Folder of what visitors send, which is swept while the application runs.
        hosts: Names by which visitors reach the page.
        login: User and password to ask for; None lets everyone in.
        framed_by: Origins whose pages may show this one in a frame.

    Returns:
        The application. Of its guards the first in the list sees a request first.
    """
    guards = [
        Middleware(SafeHeaders, framed_by=" ".join(["'self'", *framed_by])),
        Middleware(OneLineErrors),
        Middleware(Bounds, PAGE_LIMITS),
        Middleware(OwnSite, hosts),
        Middleware(AllowedRequests, uploads),
    ]
    app = FastAPI(middleware=guards, lifespan=partial(_sweeping, uploads), openapi_url=None)
    gr.mount_gradio_app(
        app,
        page,
        "/",
        auth=login.check if login else None,
        max_file_size=MAX_PICTURE,
        footer_links=["api"],
        theme=theme(),
        css_paths=_CSS,
        show_error=False,
        run_history=False,
        ssr_mode=False,
        mcp_server=False,
        pwa=False,
        enable_monitoring=False,
    )
    return app


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

"""The page beside the service: of the same models, and made anew when they change."""

import os
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from inference.demo.app import guarded_app
from inference.demo.guards.logins import Login
from inference.demo.guards.uploads import Uploads
from inference.demo.page import build_page
from inference.served.guards.hosts import Hosts
from inference.served.models import ServedModels
from inference.service.settings import Settings


class Page:
    """ASGI application: the page of the models that are served now.

    Args:
        settings: Settings of the service.
        folder: Existing, empty folder for pictures, which is deleted with the server.
        models: Models that are served, which may change.
    """

    def __init__(self, settings: Settings, folder: Path, models: ServedModels) -> None:
        self._settings = settings
        self._models = models
        self._folder = folder
        self._uploads = Uploads(folder / "uploads")
        self._running = AsyncExitStack()
        os.environ["GRADIO_TEMP_DIR"] = str(self._uploads.folder)
        self._app = self._make()
        self._uploads.keep_what_is_there()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        await self._app(scope, receive, send)

    async def start(self) -> None:
        """Start what the page does by itself, such as deleting uploads."""
        await self._running.enter_async_context(self._app.router.lifespan_context(self._app))

    async def change(self) -> None:
        """Make the page anew, as its models have changed.

        Who has the page before open needs to load it again to see other names and figures.
        """
        self._app = self._make()  # its example pictures are those that are kept already
        await self.start()

    async def stop(self) -> None:
        """End what was started."""
        await self._running.aclose()

    def _make(self) -> FastAPI:
        examples = Path(tempfile.mkdtemp(prefix="examples-", dir=self._folder))
        page = build_page(self._models, examples, self._uploads)
        hosts = Hosts.of(self._settings.host, self._settings.allowed_hosts)
        login = self._settings.login
        return guarded_app(page, self._uploads, hosts, Login(*login) if login else None)

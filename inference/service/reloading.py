"""The models that are served now, and how new ones take their place while requests run."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from inference.bundle import INDEX_FILE
from inference.errors import BundleError
from inference.served.log import log_line
from inference.served.models import ServedModels

SECONDS_BETWEEN_LOOKS = 2.0
"""Time between two looks at the index of the exported models."""

_Version = tuple[int, int, int] | None


class CurrentModels:
    """The models of a folder, as its index named them when they were last read.

    A request keeps the model that it began with. What is read anew is checked before it is used:
    the SHA-256 of the first model, and what it gives on this machine.

    Args:
        folder: Folder that the export wrote.
        read: Function that reads and checks the models.

    Raises:
        BundleError: No model can be used.

    Attributes:
        models: Models that are served now, always the same object.
    """

    def __init__(self, folder: Path, read: Callable[[Path], ServedModels]) -> None:
        self._index = folder / INDEX_FILE
        self._folder = folder
        self._read = read
        self._seen = self._version()
        self.models = read(folder)

    def reload_if_new(self) -> bool | None:
        """Take what the export has written since; where it cannot be used, keep what there is.

        Returns:
            Whether there were new models that can be used; None if there was nothing new.
        """
        version = self._version()
        if version is None or version == self._seen:
            return None
        self._seen = version
        try:
            self.models.become(self._read(self._folder))
        except BundleError as error:
            log_line(f"the new models are not used, the ones before still are: {error}")
            return False
        log_line(f"new models are served: {', '.join(self.models.names)}")
        return True

    async def watch(self, done: Callable[[bool], Awaitable[object]]) -> None:
        """Look for new models for ever.

        Args:
            done: Function that is awaited after each reload with whether it succeeded.
        """
        while True:
            await asyncio.sleep(SECONDS_BETWEEN_LOOKS)
            succeeded = await asyncio.to_thread(self.reload_if_new)
            if succeeded is not None:
                await done(succeeded)

    def _version(self) -> _Version:
        """Return what changes when the index is written anew; None where there is none."""
        try:
            status = self._index.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino

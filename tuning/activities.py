"""What a run works on at the moment, by all its threads."""

from __future__ import annotations

import threading
import time

from tuning.runs.status import Activity


class Activities:
    """The things that are being done, in the order in which they were begun.

    Example:
        >>> activities = Activities()
        >>> activities.update("decoding images", done=20, total=200)
        >>> [activity.done for activity in activities.now()]
        [20]
        >>> activities.end("decoding images")
        >>> activities.now()
        ()
    """

    def __init__(self) -> None:
        self._by_name: dict[tuple[str, str], Activity] = {}
        self._lock = threading.Lock()

    def now(self) -> tuple[Activity, ...]:
        """Return what is being done."""
        with self._lock:
            return tuple(self._by_name.values())

    def begin(self, title: str, backbone: str = "") -> None:
        """Take note that something begins.

        Args:
            title: What is being done.
            backbone: Backbone that it is done for, "" where for all.
        """
        with self._lock:
            self._begun(title, backbone)

    def update(self, title: str, done: int, total: int, backbone: str = "") -> None:
        """Take note of how far something is, which may begin by it.

        Args:
            title: What is being done.
            done: Number of items that are done.
            total: Number of all of them.
            backbone: Backbone that it is done for, "" where for all.
        """
        with self._lock:
            begun = self._begun(title, backbone)
            changed = begun.model_copy(update={"done": done, "total": total})
            self._by_name[backbone, title] = changed

    def end(self, title: str, backbone: str = "") -> None:
        """Take note that something has ended, however it did.

        Args:
            title: What was being done.
            backbone: Backbone that it was done for, "" where for all.
        """
        with self._lock:
            self._by_name.pop((backbone, title), None)

    def _begun(self, title: str, backbone: str) -> Activity:
        new = Activity(title=title, backbone=backbone, started=time.time())
        return self._by_name.setdefault((backbone, title), new)

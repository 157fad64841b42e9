"""Gradio's queue of calls, in which one client cannot take all places."""

import asyncio
import re
from typing import Any, Literal
from weakref import WeakSet

import fastapi
import gradio as gr
from gradio.block_function import BlockFunction
from gradio.data_classes import PredictBodyInternal
from gradio.queueing import Event, Queue
from gradio.server_messages import EventMessage, ProcessCompletedMessage

MAX_WAITING = 32
"""Largest number of calls that wait; more are refused at once."""

MAX_OF_ONE_CLIENT = 16
"""Largest number of calls of one client that wait or run; of batches there may be one."""

MAX_LIVE = 2
"""Largest number of cameras of one client; each has a place for as long as it runs."""

_SESSION = re.compile(r"[\w-]{1,100}", re.ASCII)

# As Gradio's `Queue.push` returns it: whether the call waits, its number or a message, the state.
Pushed = tuple[
    bool, str | list[dict[str, Any]], Literal["success", "error", "queue_full", "validator_error"]
]


class FairQueue(Queue):
    """A queue in which one client has at most `MAX_OF_ONE_CLIENT` calls, one of them a batch."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._admission = asyncio.Lock()
        self._answered: WeakSet[Event] = WeakSet()

    async def push(
        self, body: PredictBodyInternal, request: fastapi.Request, username: str | None
    ) -> Pushed:
        """Let a call wait, or say why it may not.

        Args:
            body: Call as it was sent.
            request: Request that it came in.
            username: Name of the visitor who logged in.

        Returns:
            What Gradio's queue returns.
        """
        function = self.blocks.fns.get(-1 if body.fn_index is None else body.fn_index)
        if not function:
            return _refused("There is no such function.")
        if not _SESSION.fullmatch(body.session_hash or "none"):
            return _refused("A session's name is made of letters and digits.")
        async with self._admission:
            own = [one for one in self._unfinished() if _address(one.request) == _address(request)]
            if len(own) >= MAX_OF_ONE_CLIENT:
                return _refused("Too many of your requests are waiting: let some finish first.")
            if _is_live(function) and sum(_is_live(event.fn) for event in own) >= MAX_LIVE:
                return _refused("Your cameras are running already: stop one of them first.")
            if _is_batch(function) and any(_is_batch(event.fn) for event in own):
                return _refused("One batch at a time: let the one before finish first.")
            return await super().push(body, request, username)

    def send_message(self, event: Event, event_message: EventMessage) -> None:
        """Send a message to a client, who may call anew as soon as it has the result.

        Args:
            event: Call that the message is about.
            event_message: Message as Gradio sends it, such as a result.
        """
        if isinstance(event_message, ProcessCompletedMessage):
            self._answered.add(event)
        super().send_message(event, event_message)

    def compute_analytics_summary(self, records: Any) -> dict[str, Any]:  # noqa: ARG002
        """Count nothing: Gradio's dashboard is not served.

        Args:
            records: Calls that Gradio has counted, which are not looked at.

        Returns:
            An empty summary.
        """
        return {}

    def _unfinished(self) -> list[Event]:
        queues = self.event_queue_per_concurrency_id.values()
        waiting = [event for queue in queues for event in queue.queue]
        running = [event for job in self.active_jobs for event in job or ()]
        return [event for event in waiting + running if event not in self._answered]


def _refused(message: str) -> Pushed:
    return False, message, "error"


def _address(request: fastapi.Request) -> str:
    return request.client.host if request.client else ""


def _is_live(function: BlockFunction) -> bool:
    return function.connection == "stream"


def _is_batch(function: BlockFunction) -> bool:
    return any(isinstance(block, gr.File) for block in function.inputs)

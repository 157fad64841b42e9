"""Gradio's blocks and queue, in which all that visitors send is checked before a handler runs."""

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

from inference.demo.answers import RefusedError, told
from inference.demo.guards.uploads import Uploads
from inference.demo.log import note_failure

WAITING = 32
"""Requests that may wait; more are refused at once."""

WAITING_OF_ONE = 16
"""Requests of one client that may wait or run; of batches there may be one."""

_SESSION = re.compile(r"[\w-]{1,100}", re.ASCII)
_PLAIN = (str, int, float, type(None))
_FAILED = "The server cannot do this: something in it failed, and its log says where."

Pushed = tuple[
    bool, str | list[dict[str, Any]], Literal["success", "error", "queue_full", "validator_error"]
]


class CheckedBlocks(gr.Blocks):
    """A page whose handlers get only uploads of this server, texts and numbers.

    Every call passes here, by whichever route, of public and of private functions. Pictures come
    to handlers as `Upload`s. Whatever a call raises, visitor and log get one line of it.
    """

    def __init__(self, uploads: Uploads, **settings: Any) -> None:
        super().__init__(**settings)
        self._uploads = uploads
        self.space_id = None  # on a Space, the page would fetch that site's header and fonts

    def with_queue(self) -> "CheckedBlocks":
        """Let every call wait its turn; none can go round the queue, and no client can fill it."""
        self.queue(max_size=WAITING, api_open=False)
        self._queue: Queue = FairQueue(
            live_updates=True,
            concurrency_count=self.max_threads,
            update_intervals=1,
            max_size=WAITING,
            blocks=self,
            default_concurrency_limit=1,
        )
        return self

    async def process_api(self, block_fn: BlockFunction | int, *given: Any, **more: Any) -> Any:
        """Answer a call. Raises gr.Error, in words for the visitor and without a traceback."""
        try:
            return await super().process_api(block_fn, *given, **more)
        except gr.Error:
            raise
        except RefusedError as error:
            raise gr.Error(told(error), print_exception=False) from None
        except Exception as error:
            note_failure(error, getattr(block_fn, "name", "a call"))
            raise gr.Error(_FAILED, print_exception=False) from None

    async def preprocess_data(
        self, block_fn: BlockFunction, inputs: Any, *given: Any, **more: Any
    ) -> list[Any]:
        """Check what was sent. Raises RefusedError."""
        blocks = block_fn.inputs
        if not isinstance(inputs, list) or len(inputs) != len(blocks):
            raise RefusedError(f"this takes {len(blocks)} values, of which none may be left out")
        checked = [self._checked(*pair) for pair in zip(blocks, inputs, strict=True)]
        if block_fn.preprocess:  # Gradio's own events, which take no files
            return await super().preprocess_data(block_fn, inputs, *given, **more)
        return checked

    def _checked(self, block: Any, sent: Any) -> Any:
        if isinstance(block, gr.Image):
            return self._uploads.one(sent)
        if isinstance(block, gr.File):
            return self._uploads.many(sent)
        if isinstance(block, gr.Dataset) and sent not in range(len(block.samples or [])):
            raise RefusedError("there is no such example")
        if not isinstance(sent, _PLAIN):
            raise RefusedError("a text or a number was expected here")
        return sent


class FairQueue(Queue):
    """A queue in which one client cannot take all places."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._admission = asyncio.Lock()
        self._answered: WeakSet[Event] = WeakSet()

    async def push(
        self, body: PredictBodyInternal, request: fastapi.Request, username: str | None
    ) -> Pushed:
        """Let a call wait, or say why not."""
        function = self.blocks.fns.get(-1 if body.fn_index is None else body.fn_index)
        if not function:
            return False, "There is no such function.", "error"
        if not _SESSION.fullmatch(body.session_hash or "none"):
            return False, "A session's name is made of letters and digits.", "error"
        async with self._admission:
            own = [
                event
                for event in self._unfinished()
                if _address(event.request) == _address(request)
            ]
            if len(own) >= WAITING_OF_ONE:
                return (
                    False,
                    "Too many of your requests are waiting: let some finish first.",
                    "error",
                )
            if _is_batch(function) and any(_is_batch(event.fn) for event in own):
                return False, "One batch at a time: let the one before finish first.", "error"
            return await super().push(body, request, username)

    def send_message(self, event: Event, event_message: EventMessage) -> None:
        """Send a message; after the answer the client may ask anew at once."""
        if isinstance(event_message, ProcessCompletedMessage):
            self._answered.add(event)
        super().send_message(event, event_message)

    def compute_analytics_summary(self, records: Any) -> dict[str, Any]:  # noqa: ARG002
        """Count nothing: Gradio's dashboard is not served."""
        return {}

    def _unfinished(self) -> list[Event]:
        queues = self.event_queue_per_concurrency_id.values()
        waiting = [event for queue in queues for event in queue.queue]
        running = [event for job in self.active_jobs for event in job or ()]
        return [event for event in waiting + running if event not in self._answered]


def _address(request: fastapi.Request) -> str:
    return request.client.host if request.client else ""


def _is_batch(function: BlockFunction) -> bool:
    return any(isinstance(block, gr.File) for block in function.inputs)

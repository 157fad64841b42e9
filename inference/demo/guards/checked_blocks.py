"""Gradio's blocks, in which all that visitors send is checked before a function gets it."""

from typing import Any, Self

import gradio as gr
from gradio.block_function import BlockFunction
from gradio.blocks import Block
from gradio.state_holder import SessionState

from inference.demo.guards.camera_frames import to_frame
from inference.demo.guards.fair_queue import MAX_WAITING, FairQueue
from inference.demo.guards.uploads import Uploads
from inference.served.errors import RefusedError, message_for
from inference.served.log import log_failure

_PLAIN = (str, int, float, type(None))
_FAILED = "The server cannot do this: something in it failed, and its log says where."


class CheckedBlocks(gr.Blocks):
    """A page whose functions get only uploads of this server, texts and numbers.

    Every call passes here, by whichever route, of public and of private functions. Pictures come
    to functions as `Upload`s, frames of a camera as the JPEGs they are. Whatever a
    call raises, visitor and log get one line of it.

    Args:
        uploads: Folder of what visitors send.
        settings: Keyword arguments of `gradio.Blocks`, such as `title`.

    Example:
        >>> import asyncio
        >>> from pathlib import Path
        >>> with CheckedBlocks(Uploads(Path("uploads")), analytics_enabled=False) as page:
        ...     number = gr.Number()
        ...     _ = number.change(abs, number, number)
        >>> asyncio.run(page.preprocess_data(page.fns[0], [{"path": "/etc/passwd"}]))
        Traceback (most recent call last):
        inference.served.errors.RefusedError: a text or a number was expected here
    """

    def __init__(self, uploads: Uploads, **settings: Any) -> None:
        super().__init__(**settings)
        self._uploads = uploads
        self.space_id = None  # on a Space, the page would fetch that site's header and fonts

    def with_queue(self) -> Self:
        """Make every call wait its turn: none can go round the queue, and no client can fill it.

        Returns:
            The page itself.
        """
        self.queue(max_size=MAX_WAITING, api_open=False)
        self._queue = FairQueue(
            live_updates=True,
            concurrency_count=self.max_threads,
            update_intervals=1,
            max_size=MAX_WAITING,
            blocks=self,
            default_concurrency_limit=1,
        )
        return self

    async def process_api(self, block_fn: BlockFunction | int, *given: Any, **more: Any) -> Any:
        """Answer a call.

        Args:
            block_fn: Function that is called, or its number.
            given: Further arguments of the method of Gradio that this one overrides.
            more: Its further named arguments.

        Returns:
            What Gradio sends back.

        Raises:
            gr.Error: The call failed, in words for the visitor and without a traceback.
        """
        try:
            return await super().process_api(block_fn, *given, **more)
        except gr.Error:
            raise
        except RefusedError as error:
            raise gr.Error(message_for(error), print_exception=False) from None
        except Exception as error:
            log_failure(error, getattr(block_fn, "name", "a call"))
            raise gr.Error(_FAILED, print_exception=False) from None

    async def preprocess_data(
        self, block_fn: BlockFunction, inputs: Any, *given: Any, **more: Any
    ) -> list[Any]:
        """Check what was sent.

        Args:
            block_fn: Function that is called.
            inputs: Anything that can be written in JSON.
            given: Further arguments of the method of Gradio that this one overrides.
            more: Its further named arguments.

        Returns:
            One value for each input of the function.

        Raises:
            RefusedError: A value is missing, or is not what its input takes.
        """
        blocks = block_fn.inputs
        if not isinstance(inputs, list) or len(inputs) != len(blocks):
            raise RefusedError(f"this takes {len(blocks)} values, of which none may be left out")
        state = given[0] if given else more.get("state")
        checked = [
            self._kept(block, state) if block.stateful else self._checked(block, sent)
            for block, sent in zip(blocks, inputs, strict=True)
        ]
        if block_fn.preprocess:  # Gradio's own events, which take no files
            return await super().preprocess_data(block_fn, inputs, *given, **more)
        return checked

    async def postprocess_data(
        self, block_fn: BlockFunction, predictions: Any, state: SessionState | None
    ) -> list[Any]:
        """Make the response, and keep no picture of it in the visitor's session.

        Args:
            block_fn: Function that was called.
            predictions: What it returned.
            state: What is kept for the visitor; None where nothing is.

        Returns:
            One value for each output of the function.
        """
        response: list[Any] = await super().postprocess_data(block_fn, predictions, state)
        for block in block_fn.outputs:
            if state is not None and isinstance(block, gr.Image | gr.HTML):
                state._update_value_in_config(block._id, None)
        return response

    def _kept(self, block: Block, state: SessionState | None) -> object:
        """Return what is kept for the visitor, whatever was sent in its place."""
        if state is None:
            raise RefusedError("this is for visitors of the page alone")
        return state[block._id]

    def _checked(self, block: Block, sent: object) -> object:
        if isinstance(block, gr.Image) and block.streaming:
            return to_frame(sent)
        if isinstance(block, gr.Image):
            return self._uploads.to_upload(sent)
        if isinstance(block, gr.File):
            return self._uploads.to_uploads(sent)
        if isinstance(block, gr.Dataset) and sent not in range(len(block.samples or [])):
            raise RefusedError("there is no such example")
        if not isinstance(sent, _PLAIN):
            raise RefusedError("a text or a number was expected here")
        return sent

"""The passes of one backbone in this session: which are wanted, worked on and made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tuning.search.context import StepContext
from tuning.search.steps import Layout, Pass


class Passes:
    """Takes passes apart where several share them, and remembers what has been made.

    Args:
        context: Data and settings.
        divided: Whether each shard of the images is a pass of its own.
    """

    def __init__(self, context: StepContext, divided: bool) -> None:
        self._context, self._divided = context, divided
        self._made: list[Pass] = []
        self._running: list[Pass] = []

    @property
    def running(self) -> int:
        """Number of passes that are worked on."""
        return len(self._running)

    def are_made(self, wanted: Sequence[Pass]) -> bool:
        """Whether all passes are made.

        Args:
            wanted: Passes of whole image sets.
        """
        return all(_is_among(part, self._made) for whole in wanted for part in self._parts(whole))

    def next(self, wanted: Sequence[Pass]) -> Pass | None:
        """Return the next pass to begin, None where the missing ones are worked on.

        Args:
            wanted: Passes of whole image sets.
        """
        known = [*self._made, *self._running]
        parts = (part for whole in wanted for part in self._parts(whole))
        return next((part for part in parts if not _is_among(part, known)), None)

    def begin(self, begun: Pass) -> None:
        """Take note that a pass is worked on."""
        self._running.append(begun)

    def end(self, made: Pass) -> None:
        """Take note that a pass is made."""
        self._running.remove(made)
        self._made.append(made)

    def gmacs(self, wanted: Sequence[Pass], layout: Layout) -> float:
        """Return the operations of the passes that are not made, billions.

        Images that a smaller sample holds do not pass again, and a deeper cut goes on from a
        shallower one.

        Args:
            wanted: Passes of whole image sets, or parts of them.
            layout: Operations up to each cut.
        """
        parts = dict.fromkeys(part for each in wanted for part in self._parts(each))
        missing = (part for part in parts if not _is_among(part, self._made))
        return sum(self.images_of(part) * self.of_image(part, layout) for part in missing)

    def of_image(self, part: Pass, layout: Layout) -> float:
        """Return the operations for one image of a pass, billions.

        Args:
            part: The pass.
            layout: Operations up to each cut.
        """
        same = [
            made
            for made in self._made
            if (made.split, made.view) == (part.split, part.view)
            and made.shard in (None, part.shard)
        ]
        cuts = {cut for made in same if made.count >= part.count for cut in made.cuts}
        start = max((cut for cut in cuts if cut <= min(part.cuts)), default=0)
        return layout.between(start, max(part.cuts))

    def images_of(self, part: Pass) -> int:
        """Return the number of images of a pass that no smaller sample holds, about.

        Args:
            part: The pass.
        """
        count = part.count
        if part.shard is not None:
            shards = self._context.images(part.split, part.count).shards()
            count = len(shards[part.shard])
        held = (
            made.count
            for made in self._made
            if (made.split, made.view) == (part.split, part.view)
            and made.count < part.count
            and set(part.cuts) <= set(made.cuts)
        )
        return round(count * (1 - max(held, default=0) / part.count))

    def _parts(self, whole: Pass) -> list[Pass]:
        if not self._divided or whole.shard is not None:
            return [whole]
        shards = self._context.images(whole.split, whole.count).shards()
        return [replace(whole, shard=shard) for shard in range(len(shards))]


def _is_among(wanted: Pass, passes: Sequence[Pass]) -> bool:
    """Whether one of the passes gives the same images at all cuts that are wanted."""
    return any(
        replace(wanted, cuts=known.cuts) == known and set(wanted.cuts) <= set(known.cuts)
        for known in passes
    )

"""Dynamic batching: the faces of requests that run at the same time go through a model together."""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from inference.classifier import Classifier
from inference.detection.finder import PreparedFace
from inference.faces import Face

_MAX_FACES = 32


@dataclass(frozen=True)
class _Waiting:
    """The faces of a picture that wait for their batch."""

    classifier: Classifier
    faces: Sequence[PreparedFace]
    future: Future[list[Face]] = field(default_factory=Future)


class Batches:
    """Classifies on one thread; what comes in meanwhile is the next batch, so nothing waits idly.

    Args:
        observe: Function that is called with the number of faces of each batch.

    Example:
        >>> batches = Batches()
        >>> batches.close()
    """

    def __init__(self, observe: Callable[[int], object] = lambda _: None) -> None:
        self._observe = observe
        self._waiting: deque[_Waiting] = deque()
        self._thread = ThreadPoolExecutor(1, "classify")

    def submit(self, classifier: Classifier, faces: Sequence[PreparedFace]) -> Future[list[Face]]:
        """Classify the faces of a picture as soon as the batch before is done.

        Args:
            classifier: Model to use.
            faces: Prepared faces of one picture.

        Returns:
            The faces with predictions, or what the model raised.
        """
        one = _Waiting(classifier, faces)
        self._waiting.append(one)
        self._thread.submit(self._run_next)
        return one.future

    def close(self) -> None:
        """End the thread when it has done what was submitted."""
        self._thread.shutdown()

    def _run_next(self) -> None:
        batch = [one for one in self._next() if one.future.set_running_or_notify_cancel()]
        if not batch:
            return
        self._observe(sum(len(one.faces) for one in batch))
        try:
            found = batch[0].classifier.label([one.faces for one in batch])
        except Exception as error:
            for one in batch:
                one.future.set_exception(error)
            return
        for one, faces in zip(batch, found, strict=True):
            one.future.set_result(faces)

    def _next(self) -> list[_Waiting]:
        """Take the first that waits and those of its model behind it, up to a batch."""
        taken: list[_Waiting] = []
        count = 0
        while self._waiting and self._fits(taken, count):
            taken.append(self._waiting.popleft())
            count += len(taken[-1].faces)
        return taken

    def _fits(self, taken: Sequence[_Waiting], count: int) -> bool:
        following = self._waiting[0]
        return not taken or (
            following.classifier is taken[0].classifier
            and count + len(following.faces) <= _MAX_FACES
        )

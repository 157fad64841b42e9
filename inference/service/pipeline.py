"""From pictures to faces: a bounded queue, threads that find faces, and batches that classify."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter

from data import ImageError
from data.images import room_to_decode
from inference.classifier import Classifier
from inference.detection.finder import PreparedPicture
from inference.faces import Face
from inference.service.batches import Batches
from inference.service.errors import Kind, ServiceError
from inference.service.metrics import Metrics
from inference.service.schema import Milliseconds
from inference.service.sent_pictures import SentPicture


@dataclass(frozen=True)
class Limits:
    """Limits on the work that is taken on.

    Attributes:
        queue: Largest number of pictures that wait or are worked on.
        of_one_client: Largest number of them of one client.
        seconds: Time within which a request must be answered, from when it has come.
        threads: Number of pictures that are decoded and searched at the same time.
    """

    queue: int
    of_one_client: int
    seconds: float
    threads: int


@dataclass(frozen=True)
class FoundFaces:
    """What became of one picture.

    Attributes:
        faces: Faces from left to right.
        milliseconds: Time that each part took; None where it could not be read.
        error: Reason why it could not be read; empty if it was.
    """

    faces: list[Face]
    milliseconds: Milliseconds | None
    error: str = ""


class Pipeline:
    """Works on the pictures of all requests of this process.

    Pictures run side by side, each on one thread: that does more in a second than one picture on
    all threads (docs/decisions/29-http-service.md).

    Args:
        limits: Limits on the work that is taken on.
        metrics: Figures to note times in.
    """

    def __init__(self, limits: Limits, metrics: Metrics) -> None:
        self._limits = limits
        self._metrics = metrics
        self._of_clients: Counter[str] = Counter()
        self._threads = ThreadPoolExecutor(limits.threads, "find")
        self._batches = Batches(metrics.batch)

    async def run(
        self, classifier: Classifier, pictures: Sequence[SentPicture], client: str
    ) -> list[FoundFaces]:
        """Find and classify the faces in the pictures of a request.

        Args:
            classifier: Model to use.
            pictures: Pictures of the request.
            client: Address of the client.

        Returns:
            What became of each picture, in order.

        Raises:
            ServiceError: The queue is full, the client has too many pictures in it, or it took too
                long.
        """
        with self._places(client, len(pictures)):
            try:
                async with asyncio.timeout(self._limits.seconds):
                    return await asyncio.gather(*(self._found(classifier, one) for one in pictures))
            except TimeoutError:
                raise ServiceError(
                    Kind.TIMEOUT, f"not done within {self._limits.seconds:g} seconds"
                ) from None

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(cancel_futures=True)
        self._batches.close()

    @contextmanager
    def _places(self, client: str, wanted: int) -> Iterator[None]:
        """Hold places in the queue. Raises ServiceError where there are too few."""
        if self._of_clients[client] + wanted > self._limits.of_one_client:
            self._of_clients += Counter()
            raise ServiceError(
                Kind.TOO_MANY_REQUESTS, "too many pictures of yours are waiting: let some finish"
            )
        if self._of_clients.total() + wanted > self._limits.queue:
            self._of_clients += Counter()
            raise ServiceError(Kind.OVERLOADED, "the queue is full: try again in a moment")
        self._of_clients[client] += wanted
        self._metrics.queued(wanted)
        try:
            yield
        finally:
            self._of_clients[client] -= wanted
            self._of_clients += Counter()  # forgets those who have none
            self._metrics.queued(-wanted)

    async def _found(self, classifier: Classifier, picture: SentPicture) -> FoundFaces:
        if picture.error:
            return FoundFaces([], None, picture.error)
        loop, queued = asyncio.get_running_loop(), perf_counter()
        try:
            waited, prepared = await loop.run_in_executor(
                self._threads, _prepare, classifier, picture.content, queued
            )
        except ImageError as error:
            return FoundFaces([], None, str(error))
        start = perf_counter()
        faces = await asyncio.wrap_future(self._batches.submit(classifier, prepared.faces))
        took = _milliseconds(waited, prepared, perf_counter() - start)
        self._metrics.picture(took, len(faces))
        return FoundFaces(faces, took)


def _prepare(
    classifier: Classifier, content: bytes, queued: float
) -> tuple[float, PreparedPicture]:
    with room_to_decode(content):
        waited = perf_counter() - queued
        return waited, classifier.prepare(content)


def _milliseconds(waited: float, prepared: PreparedPicture, classify: float) -> Milliseconds:
    return Milliseconds(
        queue=round(waited * 1e3, 2),
        decode=round(prepared.decode_ms, 2),
        detect=round(prepared.detect_ms, 2),
        align=round(prepared.align_ms, 2),
        classify=round(classify * 1e3, 2),
    )

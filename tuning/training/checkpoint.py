"""How far a training in legs is: all that is needed to go on, here or elsewhere."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
from pydantic import TypeAdapter, ValidationError

from tuning.runs.schema import Leg
from tuning.training import tail_weights
from tuning.training.tail_weights import TailWeights

_FACTS = "facts"
PARTS = ("weights", "average", "first", "second")
"""Attributes of a checkpoint that hold an array for each trained weight."""

_HISTORY = TypeAdapter(tuple[Leg, ...])


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """State of a training behind a leg; names are those of the weights that are trained.

    Attributes:
        images: Number of training images that were seen, each time counted.
        steps: Number of steps of the optimizer.
        history: Figures behind each leg.
        weights: Weights after the last step.
        average: Moving average of the weights, which is what is scored.
        first: Adam's first moment of each weight's gradient.
        second: Adam's second moment of each.

    Example:
        >>> one = {"logit/bias": np.float32([1.0])}
        >>> checkpoint = Checkpoint(64, 2, (), one, one, one, one)
        >>> again = Checkpoint.from_bytes(checkpoint.to_bytes())
        >>> again.images, again.steps, again.average
        (64, 2, {'logit/bias': array([1.], dtype=float32)})
    """

    images: int
    steps: int
    history: tuple[Leg, ...]
    weights: TailWeights
    average: TailWeights
    first: TailWeights
    second: TailWeights

    def to_bytes(self) -> bytes:
        """Return all of it as the content of an `.npz` file."""
        history = [leg.model_dump() for leg in self.history]
        facts = {"images": self.images, "steps": self.steps, "history": history}
        letters = np.frombuffer(json.dumps(facts).encode(), np.uint8)
        arrays = {
            f"{part}/{name}": array for part in PARTS for name, array in getattr(self, part).items()
        }
        return tail_weights.to_bytes({_FACTS: letters, **arrays})

    @classmethod
    def from_bytes(cls, content: bytes) -> Checkpoint | None:
        """Read a checkpoint.

        Args:
            content: What `to_bytes` returned.

        Returns:
            The checkpoint, None if it is damaged.
        """
        arrays = tail_weights.read_arrays(content)
        if arrays is None or _FACTS not in arrays:
            return None
        parts: dict[str, TailWeights] = {part: {} for part in PARTS}
        try:
            facts = json.loads(arrays.pop(_FACTS).tobytes())
            for path, array in arrays.items():
                part, name = path.split("/", 1)
                parts[part][name] = array
            history = _HISTORY.validate_python(facts["history"])
            checkpoint = cls(int(facts["images"]), int(facts["steps"]), history, **parts)
        except (ValueError, KeyError, TypeError, ValidationError):
            return None
        return checkpoint if checkpoint._is_whole() else None

    def _is_whole(self) -> bool:
        forms = [{n: (a.shape, a.dtype) for n, a in getattr(self, part).items()} for part in PARTS]
        return bool(self.weights) and all(form == forms[0] for form in forms)

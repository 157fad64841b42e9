"""What one entry of the trunk cache holds: the JSON beside its activations, and its key."""

from __future__ import annotations

import hashlib
import json
from typing import Literal

from pydantic import BaseModel, ConfigDict

from tuning.backbones.transfer_model import TransferModel
from tuning.trunk.image_set import ImageSet


class EntryFacts(BaseModel):
    """All that the activations of an entry depend on.

    The key is a hash of the fields in JSON: another name, type or value of one of them makes
    every entry on disk useless.

    Attributes:
        format: Version of the cache's format.
        backbone: Name in the registry.
        weights: Fingerprint of the pretrained weights.
        images: Fingerprint of the image set.
        size: Side of the square images, pixels.
        precision: Keras dtype policy of the trunk.
        cut: Last layer of the trunk; None in the facts of a pass over all cuts.
        view: How the images are shown, of `VIEWS`; "" in the facts of a pass over all views.

    Example:
        >>> facts = EntryFacts(
        ...     backbone="vgg16", weights="ab", images="cd", size=96, precision="float32",
        ...     cut="block4_pool", view="plain",
        ... )
        >>> facts.key
        'vgg16-739cc89ccb349554af8ea633'
    """

    model_config = ConfigDict(frozen=True)

    format: Literal[2] = 2
    backbone: str
    weights: str
    images: str
    size: int
    precision: str
    cut: str | None
    view: str

    @classmethod
    def of(cls, model: TransferModel, images: ImageSet, cut: int, view: str) -> EntryFacts:
        """Describe the activations of a model for some images.

        Args:
            model: Model with its pretrained weights.
            images: Images that run through the trunk.
            cut: Number of stages of the trunk, 0 for a pass over all cuts.
            view: How the images are shown.
        """
        return cls(
            backbone=model.backbone.name,
            weights=model.weights.fingerprint,
            images=images.fingerprint,
            size=model.size,
            precision=model.precision,
            cut=model.backbone.layer_of(cut),
            view=view,
        )

    @property
    def key(self) -> str:
        """Name of the entry's files, without suffix."""
        return f"{self.backbone}-{self.digest}"

    @property
    def digest(self) -> str:
        """First 24 hex digits of the SHA-256 of the fields in JSON, sorted by name."""
        text = json.dumps(self.model_dump(include=_FIELDS), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:24]

    def is_like(self, other: EntryFacts) -> bool:
        """Whether another entry differs by its images at most.

        Args:
            other: Facts of the other entry.
        """
        ours, theirs = (facts.model_dump(include=_FIELDS - {"images"}) for facts in (self, other))
        return ours == theirs


_FIELDS = set(EntryFacts.model_fields)


class StoredEntry(EntryFacts):
    """An entry on disk: the content of its JSON file.

    Attributes:
        bytes: Size of the file of activations.
        crc32: Checksum of the activations.
    """

    bytes: int
    crc32: int

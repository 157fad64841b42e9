"""What a reader of a run's figures must know: printed at the top, and in every report."""

from __future__ import annotations

from data.meanings import notice
from tuning.runs.schema import RunConfig

SYNTHETIC_NOTICE = (
    "Synthetic portraits: these figures only show that the pipeline works, not how well people's "
    "faces are classified. Give DATA=<folder> for real ones."
)
RANDOM_NOTICE = "Random start (no pretrained weights): expect far lower accuracy."


def notices_of(config: RunConfig) -> tuple[str, ...]:
    """Return what a reader of a run's figures must know, a line each.

    Args:
        config: Settings and data of the run.

    Example:
        >>> from tuning.runs.schema import DataFacts, ImageFacts
        >>> from tuning.runs.settings import Settings
        >>> config = RunConfig(
        ...     settings=Settings(data="faces", backbones=("vgg16",), size=96),
        ...     data=DataFacts(name="faces", synthetic=False, fingerprint="0" * 64),
        ...     images=ImageFacts(framing="stretch", splits={}),
        ...     weights="none",
        ...     versions={},
        ... )
        >>> len(notices_of(config))  # the random start, and what the label means
        2
    """
    random_start = [RANDOM_NOTICE] if config.weights == "none" else []
    synthetic = [SYNTHETIC_NOTICE] if config.data.synthetic else []
    return (*random_start, *synthetic, *map(notice, config.labels))

"""Records in JSON files of their own: read back if they fit, replaced at once."""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from data.atomic import read_json, write_json

_AnyRecord = TypeVar("_AnyRecord", bound=BaseModel)


def read_record(path: Path, kind: type[_AnyRecord]) -> _AnyRecord | None:
    """Read a record's JSON file.

    Args:
        path: Path of the file.
        kind: Class of the record.

    Returns:
        The record; None when the file is missing, damaged or of another schema.

    Example:
        >>> import tempfile
        >>> class Clock(BaseModel):
        ...     seconds: float
        >>> path = Path(tempfile.mkdtemp(), "clock.json")
        >>> read_record(path, Clock) is None
        True
        >>> write_record(path, Clock(seconds=3.5))
        >>> read_record(path, Clock).seconds
        3.5
    """
    content = read_json(path)
    try:
        return None if content is None else kind.model_validate(content)
    except ValidationError:
        return None


def write_record(path: Path, record: BaseModel) -> None:
    """Replace a record's JSON file at once.

    Args:
        path: Path of the file.
        record: New content of the file.

    Raises:
        OSError: It cannot be written.

    Example:
        >>> import tempfile
        >>> class Clock(BaseModel):
        ...     seconds: float
        >>> path = Path(tempfile.mkdtemp(), "clock.json")
        >>> write_record(path, Clock(seconds=3.5))
        >>> path.read_text().split()
        ['{', '"seconds":', '3.5', '}']
    """
    write_json(path, record.model_dump(mode="json", by_alias=True))

"""A folder a class, of whatever names: tried last, for many things lie in folders."""

from data.formats.folders import WANTED, load
from data.formats.folders import recognizes_any as recognizes

__all__ = ["WANTED", "load", "recognizes"]

"""Where MLflow's tracking server is, and what may be said about it.

Addresses may hold a user and a password; what is printed or kept never does.
"""

from __future__ import annotations

import logging
import os
import re
from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import unquote

from data.messages import one_line, printable

if TYPE_CHECKING:
    from mlflow import MlflowClient

URI = "MLFLOW_TRACKING_URI"
EXPERIMENT = "MLFLOW_EXPERIMENT_NAME"

_SECRETS = ("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")
_DEFAULTS = {  # no search waits long for a tracking server, nothing else is called or printed
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
_DATABASES = ("sqlite", "mysql", "postgresql", "mssql")
_NO_RESPONSE = ("Max retries exceeded", "timed out", "Connection aborted")
_LETTERS = 160


def uri() -> str:
    """Return MLFLOW_TRACKING_URI as it is, for MLflow alone; "" where it is unset."""
    return os.environ.get(URI, "").strip()


def server() -> str | None:
    """Return the address in MLFLOW_TRACKING_URI without user and password, None where it is unset.

    Example:
        >>> os.environ["MLFLOW_TRACKING_URI"] = "https://ann:secret@tracking.example/mlflow?key=1"
        >>> server()
        'https://tracking.example/mlflow'
        >>> del os.environ["MLFLOW_TRACKING_URI"]
        >>> server() is None
        True
    """
    if not uri():
        return None
    scheme, _, address = _parts()
    return printable(f"{scheme}{re.split('[?#]', address)[0]}")


def client() -> MlflowClient:
    """Return MLflow's client for MLFLOW_TRACKING_URI, which asks within seconds or fails.

    Raises:
        ImportError: MLflow is not installed.
        Exception: MLflow's, where it does not take the address.
    """
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)
    if re.split("[:+]", uri())[0] in _DATABASES and not find_spec("sqlalchemy"):
        raise ModuleNotFoundError(name="sqlalchemy")
    from mlflow import MlflowClient

    for name in ("mlflow", "urllib3.connectionpool"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return MlflowClient(tracking_uri=uri())


def reason(error: Exception) -> str:
    """Say in a line why MLflow failed, without user and password.

    Args:
        error: What its client raised.

    Example:
        >>> os.environ["MLFLOW_TRACKING_URI"] = "http://ann:secret@localhost:5000"
        >>> reason(ValueError("no answer from http://ann:secret@localhost:5000/api: secret"))
        'no answer from http://***localhost:5000/api: ***'
        >>> del os.environ["MLFLOW_TRACKING_URI"]
    """
    if isinstance(error, ModuleNotFoundError):
        if (error.name or "").partition(".")[0] == "mlflow":
            return "mlflow is not installed: pip install '.[mlflow]'"
        return f"{error.name} is not installed: such an address needs pip install mlflow"
    text = one_line(error)
    if any(words in text for words in _NO_RESPONSE):
        return "it does not respond"
    _, user, _ = _parts()
    password = user.partition(":")[2]
    query = uri().partition("?")[2]
    secrets = [f"{user}@", password, unquote(password), query]
    for secret in (*secrets, *(os.environ.get(name, "") for name in _SECRETS)):
        text = text.replace(secret, "***") if secret.strip("@") else text
    return one_line(printable(text), _LETTERS)


def _parts() -> tuple[str, str, str]:
    """Scheme with its slashes, user with password, and address, whatever letters are in them."""
    scheme, slashes, rest = uri().partition("://")
    if not slashes:
        return "", "", scheme
    user, _, address = rest.rpartition("@")
    return scheme + slashes, user, address

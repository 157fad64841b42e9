import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

# A deadline measures how busy the machine is: one example in hundreds takes 300 ms, not 20.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

# What models proved on this machine is remembered for each run of the tests alone.
os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="face-classifier-tests-")
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"


def _folder(variable: str) -> Path:
    value = os.environ.get(variable)
    if not value or not Path(value).is_dir():
        pytest.skip(f"{variable} names no folder here")
    return Path(value)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The data set that the environment hands in."""
    return _folder("DATA")


@pytest.fixture(scope="session")
def real_weights() -> Path:
    """The folder of pretrained weights that the environment hands in."""
    return _folder("WEIGHTS")

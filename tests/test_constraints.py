"""Every requirement has an exact version in constraints.txt, those of the GPU build too."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CUDA = ("cublas", "cuda-cupti", "cuda-nvcc", "cuda-nvrtc", "cuda-runtime", "cudnn", "cufft",
        "curand", "cusolver", "cusparse", "nccl", "nvjitlink")  # fmt: skip


def name_of(requirement: str) -> str:
    name = re.match(r"[\w.-]+", requirement)
    assert name, requirement
    return re.sub(r"[-_.]+", "-", name[0]).lower()


@pytest.fixture(scope="module")
def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {name_of(name): version for name, version in pairs}


@pytest.mark.parametrize("extra", ["", *PROJECT["optional-dependencies"]])
def test_requirements_are_pinned(extra: str, pins: dict[str, str]) -> None:
    wanted = PROJECT["optional-dependencies"][extra] if extra else PROJECT["dependencies"]
    missing = {name_of(requirement) for requirement in wanted} - set(pins)
    assert not missing


def test_cuda_of_tensorflow_is_pinned(pins: dict[str, str]) -> None:
    assert {f"nvidia-{part}-cu12" for part in CUDA} <= set(pins)
    assert pins["tensorflow"] == pins["tensorflow-cpu"]

"""The precision that `PRECISION=auto` is: GPUs are asked first, then the processor."""

import sys

import pytest

from tuning import precision


@pytest.mark.parametrize(
    ("capabilities", "policy"),
    [
        ([(9, 0)], "mixed_bfloat16"),
        ([(8, 0)], "mixed_bfloat16"),
        ([(7, 5)], "mixed_float16"),
        ([(7, 0), (9, 0)], "mixed_float16"),
        ([(6, 1)], "float32"),
        ([(0, 0)], "float32"),
    ],
)
def test_gpus_decide(
    capabilities: list[tuple[int, int]], policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "_capabilities", lambda: capabilities)
    monkeypatch.setattr(precision, "_multiplies_bfloat16", lambda: True)
    assert precision.resolve("auto") == policy


@pytest.mark.parametrize(("amx", "policy"), [(True, "mixed_bfloat16"), (False, "float32")])
def test_without_a_gpu_the_processor_decides(
    amx: bool, policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "_capabilities", list)
    monkeypatch.setattr(precision, "_multiplies_bfloat16", lambda: amx)
    assert precision.resolve("auto") == policy


def test_what_is_named_asks_no_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)  # importing it fails
    assert precision.resolve("float16") == "mixed_float16"
    assert precision.resolve("float32") == "float32"

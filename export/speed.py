"""How fast each form of a model answers, side by side, and what a fresh process of it needs.

`python -m export.speed FORM PATH` is such a fresh process: it opens the model in the form `keras`,
`saved_model` or ONNX (`fp32`, `int8`), answers one image and then a batch, and prints JSON.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import psutil

from export.forms import Predict, keras_predict, onnx_predict, saved_model_predict
from inference.bundle import Speed, Timing
from inference.runtime.machine import default_threads, processor
from inference.runtime.timing import interleaved

ROUNDS = 9
BATCH = 16


def measure(
    forms: Mapping[str, Predict],
    paths: Mapping[str, Path],
    images: np.ndarray,
    rounds: int = ROUNDS,
) -> Speed:
    """Time forms of one model in turn, one image and then BATCH of them.

    Args:
        forms: by name, uint8 [n, s, s, 3] -> float32 [n, 1].
        paths: of the same, on disk; each is opened in a process of its own.
        images: uint8 [N, s, s, 3], N at least BATCH.
        rounds: in which all forms run, one after the other; medians are taken over them.

    Raises:
        subprocess.CalledProcessError: a form can't be opened.
    """
    seconds = {
        batch: interleaved(
            {name: partial(form, images[:batch]) for name, form in forms.items()}, rounds
        )
        for batch in (1, BATCH)
    }
    timings = {}
    for name in forms:
        fresh = _fresh(name, paths[name], images.shape[1])
        timings[name] = Timing(
            latency_ms=1e3 * seconds[1][name], throughput=BATCH / seconds[BATCH][name], **fresh
        )
    return Speed(
        processor=processor(),
        threads=default_threads(),
        batch=BATCH,
        rounds=rounds,
        timings=timings,
    )


def _fresh(form: str, path: Path, size: int) -> dict[str, float]:
    command = [sys.executable, "-m", "export.speed", form, str(path), str(size), repr(time.time())]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def _report(form: str, path: Path, size: int, started: float) -> None:
    predict = _open(form, path)
    predict(np.zeros((1, size, size, 3), np.uint8))
    cold_start = time.time() - started
    predict(np.zeros((BATCH, size, size, 3), np.uint8))
    print(json.dumps({"cold_start_s": cold_start, "peak_mb": _peak_bytes() / 1e6}))


def _open(form: str, path: Path) -> Predict:
    if form not in ("keras", "saved_model"):
        return onnx_predict(path)
    from tuning.tensorflow_import import import_tensorflow

    import_tensorflow()
    return keras_predict(path) if form == "keras" else saved_model_predict(path)


def _peak_bytes() -> int:
    # Not `getrusage`: what it says of a child includes its parent's memory.
    status = Path("/proc/self/status")
    if status.is_file():
        peak = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        if peak:
            return 1024 * int(peak[1])
    memory = psutil.Process().memory_info()
    return getattr(memory, "peak_wset", memory.rss)


if __name__ == "__main__":
    _report(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))

"""How fast each form of a model is, side by side, and what a fresh process of it needs.

`python -m export.speed FORM PATH SIZE STARTED` is such a fresh process: it opens the model in the
form `keras`, `saved_model`, `fp32` or `int8`, whose labels it reads as JSON from standard input,
predicts one image and then a batch, and prints JSON.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import cast

if __name__ == "__main__":  # a folder `data` where one works does not hide ours
    sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import psutil
from pydantic import TypeAdapter

from data import Label
from export.forms import Form, FormName
from inference.bundle import Speed, Timing
from inference.runtime.machine import default_threads, processor
from inference.runtime.timing import interleaved

ROUNDS = 9
BATCH_SIZE = 16
_LABELS = TypeAdapter(tuple[Label, ...])


def measure(
    forms: Sequence[Form], labels: Sequence[Label], images: np.ndarray, rounds: int = ROUNDS
) -> Speed:
    """Time forms of one model in turn, on one image and then on a batch.

    Args:
        forms: Forms of the model; each is also opened in a process of its own.
        labels: The labels of the model.
        images: Images, uint8 RGB [N, s, s, 3], N at least `BATCH_SIZE`.
        rounds: Number of rounds in which all forms run, one after the other; medians are taken
            over them.

    Raises:
        subprocess.CalledProcessError: A form cannot be opened in a process of its own.
    """
    seconds = {
        count: interleaved(
            {form.name: partial(form.predict, images[:count]) for form in forms}, rounds
        )
        for count in (1, BATCH_SIZE)
    }
    timings: dict[str, Timing] = {}
    for form in forms:
        timings[form.name] = Timing(
            latency_ms=1e3 * seconds[1][form.name],
            throughput=BATCH_SIZE / seconds[BATCH_SIZE][form.name],
            **_fresh(form, labels, images.shape[1]),
        )
    return Speed(
        processor=processor(),
        threads=default_threads(),
        batch=BATCH_SIZE,
        rounds=rounds,
        timings=timings,
    )


def _fresh(form: Form, labels: Sequence[Label], size: int) -> dict[str, float]:
    """Cold start and peak memory of a fresh process, as `Timing` names them."""
    arguments = (form.name, str(form.path), str(size), repr(time.time()))
    command = [sys.executable, "-m", "export.speed", *arguments]
    done = subprocess.run(
        command, input=_LABELS.dump_json(tuple(labels)), capture_output=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def _report(name: FormName, path: Path, labels: Sequence[Label], size: int, started: float) -> None:
    if name in ("keras", "saved_model"):
        from tuning.tensorflow_import import import_tensorflow

        import_tensorflow(gpus=False)
    form = Form.open(name, path, labels)
    form.predict(np.zeros((1, size, size, 3), np.uint8))
    cold_start = time.time() - started
    form.predict(np.zeros((BATCH_SIZE, size, size, 3), np.uint8))
    print(json.dumps({"cold_start_s": cold_start, "peak_mb": _peak_bytes() / 1e6}))


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
    form_name = cast("FormName", sys.argv[1])
    read = _LABELS.validate_json(sys.stdin.buffer.read())
    _report(form_name, Path(sys.argv[2]), read, int(sys.argv[3]), float(sys.argv[4]))

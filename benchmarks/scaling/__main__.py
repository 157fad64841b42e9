"""`python -m benchmarks.scaling`: the same as `python -m benchmarks scaling`."""

from __future__ import annotations

import sys

from benchmarks.__main__ import main

if __name__ == "__main__":
    main(["scaling", *sys.argv[1:]])

import os
import subprocess
import sys

import pytest


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity here")
def test_the_processors_of_a_process_are_those_it_may_use() -> None:
    code = "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); "
    code += "from data.processors import usable; print(usable())"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "1\n"

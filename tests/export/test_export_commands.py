import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("setting", ["TARGET_ACCURACY=0.3", "MIN_ACCURACY=101"])
def test_a_share_that_makes_no_sense_is_refused(setting: str, tmp_path: Path) -> None:
    name, _, value = setting.partition("=")
    done = subprocess.run(
        [sys.executable, "-m", "export", "--artifacts", str(tmp_path)],
        cwd=ROOT,
        env={"PATH": "", name: value},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {name}=")

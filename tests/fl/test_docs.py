"""The examples of docs/fl.md run as they stand, and say what they say."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
_APP, *BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "fl.md").read_text(), re.DOTALL)


def test_the_examples_run():
    command = [sys.executable, "-W", "error", "-c", "\n".join(BLOCKS)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr
    promised = re.findall(r"print\(.*\)  # (.*)", "\n".join(BLOCKS))
    assert done.stdout.splitlines() == promised

"""torchvision can be imported next to a CPU build of torch, in a process that never saw it before."""

import subprocess
import sys

import pytest

IMPORT = "import torchvision; from torchvision import transforms, datasets"
DEFINE = "from gradveil.torchvision_ops import define_missing_ops as define; define()"


@pytest.mark.parametrize("code", [f"{DEFINE}; {IMPORT}", f"{DEFINE}; define(); {IMPORT}; define()"])
def test_torchvision_imports_after_the_definition(code):
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, "")

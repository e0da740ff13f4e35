"""`flwr run` of the example with 50 clients under Flower's own simulation engine, in Ray's processes."""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from socket import create_server
from urllib.error import URLError
from urllib.request import urlopen

import pytest

pytest.importorskip("flwr")
pytest.importorskip("ray")

from examples.flower_deployment.processes import descendants
from gradveil.fl.flower.engine import simulate
from tests.fl.flower.example import EXAMPLE, QUIET
from tests.ray_sessions import own_ray

pytestmark = pytest.mark.timeout(900)

BIN = Path(sys.executable).parent
NODES, ROUNDS = 50, 2
START_SECONDS, RUN_SECONDS = 120, 600


@pytest.fixture
def environment(tmp_path):
    """Of all programs here: a Flower and a Ray of its own, and its programs before others of that name."""
    ports = {"FLWR_LOCAL_SUPERLINK_HTTP_API_PORT": free_port(), "FLWR_LOCAL_CONTROL_API_PORT": free_port()}
    paths = {"FLWR_HOME": tmp_path / "flwr", "FLOWER_DIGITS_KEYS": tmp_path / "keys"}
    own = {name: str(value) for name, value in (ports | paths).items()}
    found = os.environ | QUIET | own | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    with own_ray() as ray:
        yield found | ray | {"FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1", "OMP_NUM_THREADS": "1"}


def free_port():
    with create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


def ran(environment, *command, seconds=100):
    done = subprocess.run(  # noqa: S603
        command, cwd=EXAMPLE, env=environment, capture_output=True, text=True, timeout=seconds, check=False
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]
    return done.stdout + done.stderr


@contextmanager
def local_superlink(environment, log):
    """What `flwr run` starts by itself, with more time to start; it and its children are gone after."""
    port = environment["FLWR_LOCAL_SUPERLINK_HTTP_API_PORT"]
    options = ("--insecure", "--simulation", "--isolation", "subprocess", "--host", "127.0.0.1")
    command = [str(BIN / "flower-superlink"), *options, "--port", port]
    with log.open("wb") as file:
        process = subprocess.Popen(command, env=environment, stdout=file, stderr=file)  # noqa: S603
    try:
        assert until(lambda: answers(f"http://127.0.0.1:{port}/health"), START_SECONDS), log.read_text()
        yield
    finally:
        for pid in [process.pid, *descendants(process.pid)]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()


def until(condition, seconds):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def answers(url):
    try:
        with urlopen(url, timeout=1):  # noqa: S310
            return True
    except (URLError, TimeoutError, ConnectionError):
        return False


def unprotected_accuracy(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLE)
    config = import_module("run").CONFIG | {"num-server-rounds": ROUNDS}
    client, server = (import_module(f"flower_digits.{side}_app") for side in ("client", "server"))
    found = simulate(server.app_with(), client.app_with(), NODES, run_config=config)
    return found.state["result"]["accuracy"]


def test_50_clients_under_ray_train_as_without_protection(environment, tmp_path, monkeypatch):
    ran(environment, sys.executable, "enrol.py", "--protection", "hybrid", "--nodes", str(NODES))
    size = f"num-supernodes={NODES} client-resources-num-cpus=1"
    with local_superlink(environment, tmp_path / "log"):
        run = ("run", ".", "--stream", "--federation-config", size)
        config = ("--run-config", f"num-server-rounds={ROUNDS}")
        output = ran(environment, str(BIN / "flwr"), *run, *config, seconds=RUN_SECONDS)
    stayed = re.findall(r"^(train|evaluate) \d: 50 of 50 clients", output, re.MULTILINE)
    assert stayed == ["train", "evaluate"] * ROUNDS, output[-6000:]
    protected = float(re.findall(r"{'accuracy': ([\d.e-]+)}", output)[-1])
    assert protected == pytest.approx(unprotected_accuracy(monkeypatch), abs=0.02)
    assert protected > 0.5

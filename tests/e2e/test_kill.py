"""A killed audit loses no finished trial, repeats none, and ends as if nothing had happened."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

CONFIG = """\
name = "killed"
models = ["lenet"]
victims = 3
attacks = ["guess", "closed_form"]
[[defenses]]
kind = "identity"
[[defenses]]
kind = "selective_ckks"
strategy = "magnitude"
ratios = [0.1]
[[defenses]]
kind = "secure_aggregation"
"""
TRIALS = 3 * 2 * 3


def start(folder, out):
    command = [sys.executable, "-m", "gradveil", "audit", "audit.toml", "--out", out]
    return subprocess.Popen(  # noqa: S603
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )


def lines(folder, out):
    path = folder / out / "records.jsonl"
    return path.read_bytes().splitlines(keepends=True) if path.exists() else []


def kill_after(folder, out, count):
    process = start(folder, out)
    while len(lines(folder, out)) < count:
        assert process.poll() is None, "the audit ended before it could be killed"
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return process.pid


def workers_alive(session):
    """Living processes of a session; the state and session follow the command's name in parentheses."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, of, *_ = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended while we looked
        if int(of) == session and state != "Z":
            found.append(path.parent.name)
    return found


def assert_workers_end(session):
    deadline = time.monotonic() + 30
    while workers_alive(session) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not workers_alive(session)


def without_times(line):
    return {name: value for name, value in json.loads(line).items() if not name.startswith("seconds")}


def test_sigkill_in_the_middle(tmp_path):
    (tmp_path / "audit.toml").write_text(CONFIG)
    kill_after(tmp_path, "killed", 5)
    survived = [line for line in lines(tmp_path, "killed") if line.endswith(b"\n")]
    assert 5 <= len(survived) < TRIALS
    assert start(tmp_path, "killed").wait(timeout=240) == 0
    finished = lines(tmp_path, "killed")
    assert finished[: len(survived)] == survived
    assert len(finished) == TRIALS
    assert len({json.loads(line)["key"] for line in finished}) == TRIALS
    assert start(tmp_path, "whole").wait(timeout=240) == 0
    by_key = {json.loads(line)["key"]: without_times(line) for line in lines(tmp_path, "whole")}
    assert {json.loads(line)["key"]: without_times(line) for line in finished} == by_key


def test_workers_die_with_a_killed_parent(tmp_path):
    (tmp_path / "audit.toml").write_text(CONFIG)
    session = kill_after(tmp_path, "orphans", 1)
    assert_workers_end(session)


def test_ctrl_c_stops_soon_and_can_be_resumed(tmp_path):
    (tmp_path / "audit.toml").write_text(CONFIG)
    process = start(tmp_path, "stopped")
    while not lines(tmp_path, "stopped"):
        assert process.poll() is None, "the audit ended before it could be interrupted"
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    code, done = process.wait(timeout=60), len(lines(tmp_path, "stopped"))
    assert code == 130, f"ended with {code} after {done} of {TRIALS} trials"
    assert_workers_end(process.pid)
    assert start(tmp_path, "stopped").wait(timeout=240) == 0
    assert len(lines(tmp_path, "stopped")) == TRIALS

"""Stdout is silent for a while, for Python, C and C++, and then as before."""

import ctypes
import os
import sys

import numpy as np
import pytest

from gradveil.bench.peers import TensealVector
from gradveil.bench.silence import silenced_stdout

LIBC = ctypes.CDLL(None)


def test_all_writers_are_silenced_and_restored(capfd):
    print("before")
    with silenced_stdout():
        os.write(1, b"unwanted\n")
        LIBC.printf(b"unwanted, and in C's buffer\n")
        print("unwanted", flush=True)
    print("after")
    sys.stdout.flush()
    LIBC.fflush(None)
    assert capfd.readouterr().out == "before\nafter\n"


def test_an_error_restores_stdout_and_leaks_no_descriptor(capfd):
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with pytest.raises(RuntimeError), silenced_stdout():
            raise RuntimeError
    assert len(os.listdir("/proc/self/fd")) == before
    os.write(1, b"after\n")
    assert capfd.readouterr().out == "after\n"


def test_tenseals_warning_is_one_of_them(capfd):
    peer, long = TensealVector("NVFlare"), np.zeros(5000)
    with peer.quiet():
        peer.encrypt(0, long)
    LIBC.fflush(None)
    assert capfd.readouterr().out == ""
    peer.encrypt(0, long)
    LIBC.fflush(None)
    assert "does not fit" in capfd.readouterr().out

"""A file is whole or not there, and a failure leaves nothing behind."""

import os
import stat
from pathlib import Path

import pytest

from gradveil.exchange.files import write_atomically


class DiskFullError(OSError):
    """Stands for any failure while writing."""


def fail(*_, **__):
    raise DiskFullError


def test_a_file_is_written_with_its_folders(tmp_path):
    path = tmp_path / "a" / "b" / "file"
    write_atomically(path, b"data")
    assert path.read_bytes() == b"data"
    assert [*path.parent.iterdir()] == [path]


def test_a_file_is_replaced(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"a longer old text")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"


def test_a_file_is_readable_by_all_and_writable_by_its_owner(tmp_path):
    write_atomically(tmp_path / "file", b"")
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o644


@pytest.mark.parametrize(
    ("owner", "step"), [(os, "fsync"), (Path, "chmod"), (Path, "replace")], ids=["flush", "mode", "rename"]
)
def test_a_failure_keeps_the_old_file_and_leaves_no_temporary(tmp_path, monkeypatch, owner, step):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    monkeypatch.setattr(owner, step, fail)
    with pytest.raises(DiskFullError):
        write_atomically(path, b"new")
    assert [*tmp_path.iterdir()] == [path]
    assert path.read_bytes() == b"old"


def test_an_interrupt_leaves_no_temporary(tmp_path, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "file", b"new")
    assert [*tmp_path.iterdir()] == []


def test_the_data_is_on_disk_before_it_has_the_name(tmp_path, monkeypatch):
    order = []
    replace, fsync = Path.replace, os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (order.append("flush"), fsync(handle)))
    monkeypatch.setattr(Path, "replace", lambda *where: (order.append("rename"), replace(*where))[1])
    write_atomically(tmp_path / "file", b"data")
    assert order == ["flush", "rename"]


def test_a_folder_is_not_overwritten(tmp_path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_atomically(tmp_path / "taken", b"data")
    assert [*tmp_path.iterdir()] == [tmp_path / "taken"]

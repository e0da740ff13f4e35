"""Helpers for tests of `gradveil keys`."""

import json
import stat
import sys

import pytest
from typer.testing import CliRunner

from gradveil.cli import main
from gradveil.cli.app import app

PASSPHRASE = "correct horse battery staple"  # noqa: S105


class Cli:
    """The command line inside this process, for its speed; `main` is what the shell's command calls."""

    def __init__(self, monkeypatch, capsys, command="keys"):
        self._monkeypatch, self._capsys, self._command = monkeypatch, capsys, command

    def run(self, *arguments):
        """Exit code, standard output and standard error."""
        self._monkeypatch.setattr(sys, "argv", ["gradveil", self._command, *map(str, arguments)])
        with pytest.raises(SystemExit) as done:
            main()
        return done.value.code or 0, *self._capsys.readouterr()

    def says(self, *arguments):
        code, output, errors = self.run(*arguments)
        assert (code, errors) == (0, "")
        return output

    def shows(self, *arguments):
        return json.loads(self.says("show", "--json", *arguments))

    def refuses(self, *arguments, words):
        code, output, errors = self.run(*arguments)
        assert (code, output) == (2, "")
        assert errors.startswith("error: ")
        assert errors.count("\n") == 1
        for word in words:
            assert word in errors


def made(folder, *arguments):
    done = CliRunner().invoke(app, ["keys", "new", "job 1", "--out", str(folder), *map(str, arguments)])
    assert done.exit_code == 0, done.output
    return folder


def private(path, data):
    path.write_bytes(data)
    path.chmod(0o600)
    return path


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())

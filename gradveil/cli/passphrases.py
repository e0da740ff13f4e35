"""Passphrases come from a file or a prompt, never from the command line: shells and `ps` remember that."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from gradveil.cli.errors import UsageError
from gradveil.parties import private_files

_MAX_BYTES = 1024

PassphraseFile: TypeAlias = Annotated[
    Path | None, typer.Option(help="A file of one line that only you can read.", show_default=False)
]
AskPassphrase: TypeAlias = Annotated[bool, typer.Option("--ask-passphrase", help="Prompt for it.")]


def chosen_passphrase(file: Path | None, ask: bool, *, twice: bool = False) -> str | None:
    """The passphrase, None if there is to be none.

    Raises:
        UsageError: two ways at once, or nothing that could be typed in again.
        KeyRoleError: others may read the file.
    """
    if file is not None and ask:
        raise UsageError("both --passphrase-file and --ask-passphrase are given; choose one")
    if ask:
        return _checked(typer.prompt("passphrase", hide_input=True, confirmation_prompt=twice, err=True))
    return None if file is None else _checked(_one_line(file))


def _one_line(file: Path) -> str:
    data = private_files.read(file, _MAX_BYTES)
    return data.decode(errors="surrogateescape").removesuffix("\n").removesuffix("\r")


def _checked(passphrase: str) -> str:
    if not 0 < len(passphrase) <= _MAX_BYTES or not passphrase.isprintable():
        raise UsageError(
            f"a passphrase is one line of 1 to {_MAX_BYTES} printable characters; choose another"
        )
    return passphrase

"""`gradveil keys`: key material of a job, what a file of it is, and what others may have of it."""

import json as json_lines
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gradveil.cli import key_params
from gradveil.cli.errors import UsageError, naming
from gradveil.cli.folders import require_absent, whole_folder
from gradveil.cli.key_facts import Facts, facts_of
from gradveil.cli.key_folder import KeySet
from gradveil.cli.key_params import Scheme
from gradveil.cli.passphrases import AskPassphrase, PassphraseFile, chosen_passphrase
from gradveil.exchange.files import write_atomically
from he import ClientKey, Encryption

keys = typer.Typer(
    name="keys",
    help="Make the keys of a job, say what a file is, export what is public.",
    no_args_is_help=True,
)


class Audience(StrEnum):
    """Who gets public material."""

    SERVER = "server"
    CLIENTS = "clients"


@keys.command()
def new(
    context: typer.Context,
    job: Annotated[str, typer.Argument(help="Name of the training job; make new keys for each.")],
    out: Annotated[Path, typer.Option(help="Folder to make; it must not exist.")],
    plan: Annotated[
        Path | None, typer.Option(help="A plan file, which says all parameters; without, the next six do.")
    ] = None,
    scheme: Annotated[Scheme, typer.Option(help="packed: half the bytes, coarser.")] = Scheme.CKKS,
    clients: Annotated[
        int | None, typer.Option(min=1, max=2**16 - 1, help="Most in one sum. Default: 64.")
    ] = None,
    value_range: Annotated[
        float | None, typer.Option("--range", help="Largest magnitude of a value. Default: 32; packed 1.")
    ] = None,
    precision: Annotated[
        int | None, typer.Option(min=1, max=60, help="Bits of --range. Default: 29; packed 15.")
    ] = None,
    security: Annotated[int, typer.Option(help="Bits: 128, 192 or 256.")] = 128,
    public_key: Annotated[bool, typer.Option("--public-key", help="Clients cannot decrypt.")] = False,
    party: Annotated[
        list[str] | None, typer.Option(help="A client, for identities and roster; repeat it.")
    ] = None,
    server_name: Annotated[str, typer.Option(help="The server, if there are parties.")] = "server",
    passphrase_file: PassphraseFile = None,
    ask_passphrase: AskPassphrase = False,
) -> None:
    """Make the keys of a job in a new folder; all of it is written, or nothing."""
    require_absent(out)
    params = (
        key_params.chosen(scheme, clients, value_range, precision, security, public_key)
        if plan is None
        else key_params.of_plan(plan, context)
    )
    passphrase = chosen_passphrase(passphrase_file, ask_passphrase, twice=True)
    made = KeySet.generate(params, job, party or [], server_name)
    with whole_folder(out) as folder:
        made.write(folder, passphrase)
    typer.echo(f"keys of {job!r} in {out}:")
    typer.echo(_table(made.purposes()))


@keys.command()
def show(
    file: Annotated[Path, typer.Argument(help="A key, sealed or not, a roster or a frame.")],
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    passphrase_file: PassphraseFile = None,
    ask_passphrase: AskPassphrase = False,
) -> None:
    """Say what a file is and what it can do; secrets are never printed."""
    facts = facts_of(file, chosen_passphrase(passphrase_file, ask_passphrase))
    typer.echo(json_lines.dumps(facts) if json else _table(facts))


@keys.command()
def export_public(
    client_key: Annotated[Path, typer.Argument(help="A client.key.")],
    out: Annotated[Path, typer.Option(help="File to write; it must not exist.")],
    audience: Annotated[Audience, typer.Option("--for", help="Whom it is for.")] = Audience.SERVER,
    passphrase_file: PassphraseFile = None,
    ask_passphrase: AskPassphrase = False,
) -> None:
    """Write what a server adds with, or what clients encrypt with under a public key."""
    require_absent(out)
    passphrase = chosen_passphrase(passphrase_file, ask_passphrase)
    with naming(client_key):
        key = ClientKey.load(client_key, passphrase)
    if audience is Audience.CLIENTS and key.params.encryption is not Encryption.PUBLIC_KEY:
        raise UsageError(f"{client_key} is a shared key; make one with `gradveil keys new --public-key`")
    public = key.public_key() if audience is Audience.CLIENTS else key.server_key()
    write_atomically(out, public.to_bytes())
    typer.echo(f"{out}: for the {audience}; holds no secret")


def _table(facts: Facts) -> str:
    return "\n".join(f"  {name:<26} {value}" for name, value in _rows(facts))


def _rows(facts: Facts) -> Iterator[tuple[str, object]]:
    for name, value in facts.items():
        if isinstance(value, dict):
            yield from ((f"{name}.{inner}", each) for inner, each in value.items())
        else:
            yield name, {True: "yes", False: "no"}[value] if isinstance(value, bool) else value

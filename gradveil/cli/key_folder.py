"""The key material of one job, and the files that hold it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gradveil.cli.errors import UsageError
from gradveil.exchange.files import write_atomically
from he import ClientKey, Encryption, Identity, Params, Roster

_MAX_NAME_BYTES = 200


@dataclass(frozen=True, eq=False)
class KeySet:
    """What a job starts with; without parties, these make their identities and the roster themselves.

    Attributes:
        key: None of a job that encrypts nothing.
        identities: of the clients, then of the server.
        roster: of all identities.
    """

    key: ClientKey | None
    identities: tuple[Identity, ...]
    roster: Roster | None

    @classmethod
    def generate(cls, params: Params | None, job: str, parties: Sequence[str], server: str) -> "KeySet":
        """Fresh keys.

        Raises:
            UsageError: more parties than the parameters carry, nothing to make, or names that no files can
                have.
            WireError, KeyRoleError, RosterError: names that no job or roster can have.
        """
        if params is None and not parties:
            raise UsageError("the plan encrypts nothing, so that only parties have keys; add --party NAME")
        if params is not None and len(parties) > params.max_clients:
            raise UsageError(
                f"{len(parties)} parties, but parameters for {params.max_clients}; raise --clients"
            )
        key = None if params is None else ClientKey.generate(params, job)
        if not parties:
            return cls(key, (), None)
        *clients, own = identities = [Identity.generate(name) for name in (*parties, server)]
        roster = Roster.of(clients, own)
        _require_file_names([identity.name for identity in identities])
        return cls(key, tuple(identities), roster)

    def write(self, folder: Path, passphrase: str | None) -> None:
        """One file for each key; the secret ones for their owner's eyes only, and sealed if asked."""
        if self.key is not None:
            _write_key(self.key, folder, passphrase)
        if self.roster is not None:
            write_atomically(folder / "roster", self.roster.to_bytes())
        for identity in self.identities:
            identity.save(folder / "identities" / f"{identity.name}.key", passphrase)

    def purposes(self) -> dict[str, str]:
        """Whom each file is for."""
        found = {} if self.key is None else _purposes_of_key(self.key)
        if self.roster is not None:
            found["roster"] = f"for all, who compare its hash {self.roster.hash.hex()}"
        return found | {
            f"identities/{each.name}.key": "secret; for this party alone" for each in self.identities
        }


def _write_key(key: ClientKey, folder: Path, passphrase: str | None) -> None:
    key.save(folder / "client.key", passphrase)
    write_atomically(folder / "server.key", key.server_key().to_bytes())
    if key.params.encryption is Encryption.PUBLIC_KEY:
        write_atomically(folder / "public.key", key.public_key().to_bytes())


def _purposes_of_key(key: ClientKey) -> dict[str, str]:
    public = key.params.encryption is Encryption.PUBLIC_KEY
    holders = "the key holder alone" if public else "each client, never the server"
    found = {"client.key": f"secret; for {holders}", "server.key": "for the server"}
    if public:
        found["public.key"] = "for each client, from a sender whom it can check"
    return found


def _require_file_names(names: Sequence[str]) -> None:
    for name in names:
        if name.startswith(".") or set(name) & set("/\\:") or len(name.encode()) > _MAX_NAME_BYTES:
            raise UsageError(
                f"{name!r} cannot name a key file; use up to {_MAX_NAME_BYTES} bytes, "
                "no slash, backslash or colon, and no dot in front"
            )
    # Some file systems would write both keys into one file.
    if len({name.casefold() for name in names}) != len(names):
        raise UsageError("two parties' names differ by case only; give each party its own")

"""Who may see what, and what a round may cost."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from gradveil.exchange.update import MAX_WEIGHT
from gradveil.planning.errors import PlanningError
from secagg import Adversary

_ROUNDING = 1e-9  # 0.29 * 100 is 28.999...
_FEWEST_CLIENTS, _MOST_CLIENTS = 2, 1000


@dataclass(frozen=True, kw_only=True)
class Threat:
    """The adversary is the server together with the clients that collude with it.

    Attributes:
        clients: in a round, all of them asked.
        dropout: largest share of them that vanish in a round.
        corrupt: largest share that tell the server all they hold; one of them is enough to open what is
            encrypted under a key that clients share.
        server: whether the server follows the protocol.
        shared_key: whether clients may hold one decryption key.
        readable: whether the adversary may read values of a single client.
        one_exchange: whether the platform carries one message of a client a round, so that masks cannot be
            agreed on.
        max_weight: largest number of examples of one client.
        batch: examples behind one update, in the worst case.
        auxiliary: whether the adversary has images like the clients', and uses their density.

    Raises:
        PlanningError: a value out of range.
    """

    clients: int = 20
    dropout: float = 0.1
    corrupt: float = 0.1
    server: Adversary = Adversary.SEMI_HONEST
    shared_key: bool = True
    readable: bool = False
    one_exchange: bool = False
    max_weight: int = 600
    batch: int = 1
    auxiliary: bool = False

    def __post_init__(self) -> None:
        if not _FEWEST_CLIENTS <= self.clients <= _MOST_CLIENTS:
            raise PlanningError(f"{self.clients} clients; plan for {_FEWEST_CLIENTS} to {_MOST_CLIENTS}")
        if not (0 <= self.dropout < 1 and 0 <= self.corrupt < 1):
            raise PlanningError("dropout or corrupt is not in [0, 1); give shares of the clients")
        if not 1 <= self.batch <= self.max_weight <= MAX_WEIGHT:
            raise PlanningError(
                f"batch {self.batch}, max_weight {self.max_weight}; use 1 <= batch <= max_weight, "
                f"and at most {MAX_WEIGHT}"
            )

    @property
    def colluders(self) -> int:
        """Largest number of clients that collude."""
        return math.floor(self.corrupt * self.clients + _ROUNDING)

    @property
    def survivors(self) -> int:
        """Fewest clients in a sum: the plan aborts rounds in which more vanish."""
        return self.clients - math.floor(self.dropout * self.clients + _ROUNDING)

    @property
    def honest(self) -> int:
        """Fewest clients in a sum whose values the adversary does not know."""
        return self.survivors - self.colluders

    def notes(self) -> Iterator[str]:
        """What follows from these assumptions whatever the plan."""
        yield (
            "each client learns the mean, from which it can take its own part: a sum over "
            f"{self.survivors - 1} others at least"
        )
        if self.colluders and self.shared_key:
            yield (
                f"up to {self.colluders} of {self.clients} clients collude: under a shared key they open "
                "every client's ciphertexts, so encryption counts as readable here"
            )
        if self.server is Adversary.MALICIOUS:
            yield (
                "leakage is that of an honest model; a malicious server can send one whose sum shows single "
                "examples, which neither masks nor keys prevent: give clients a LiveAudit"
            )

    def as_record(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self) | {"honest_in_a_sum": self.honest}


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What a plan must keep.

    Attributes:
        leakage: dB of PSNR that no image of an attacked victim may exceed, unless knowing nothing does.
        error: largest l2 distance of the aggregate from the exact mean, over the norm of that mean, without
            noise that is added on purpose.
        noise: largest norm of that noise in the mean, likewise; it is added only where nothing else is sound.
        bytes: that a client sends a round, None for any.
        seconds: that a client computes a round besides training, on this machine; None for any.

    Raises:
        PlanningError: a value that is not positive.
    """

    leakage: float = 12.0
    error: float = 0.01
    noise: float = 1.0
    bytes: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        limits = {name: value for name, value in asdict(self).items() if value is not None}
        for name, value in limits.items():
            if not (0 < value < math.inf or (name == "noise" and value == 0)):
                raise PlanningError(f"a budget of {value} for {name}; give a positive number")

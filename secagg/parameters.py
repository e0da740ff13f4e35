"""How many neighbours and which threshold SecAgg+ needs (Bell et al. 2020), and what that promises."""

import math
from dataclasses import asdict, dataclass, replace

from secagg.adversary import Adversary
from secagg.config import default_threshold
from secagg.errors import ProtocolError
from secagg.tails import fewest_marked, log2_all_marked, most_marked

COMPLETE_UP_TO = 50
"""Up to this many clients `choose` takes the complete graph.

Sparse parameters of small rounds rest on a hard count: 10 % of 50 clients are 5, so no client has 6 colluding
neighbours. If 6 collude, one has with probability 2^-8 (at 100 clients, one colluder more: 2^-21), not 2^-40.
The complete graph holds up to a third of the clients, and 49 neighbours are cheap.
"""

GRINDING_BITS = 20
"""Added to sigma against a malicious server, which may try directories until their graph suits it.

Each try costs it a slow hash (`secagg.cohort`), and all of them must fit before a phase's deadline.
"""

_FEWEST_CLIENTS, _MOST_CLIENTS = 3, 1_000_000
_FEWEST_HONEST = 2  # colluders subtract their own vectors from the sum, which would lay a single one bare
_MOST_BITS = 256  # of sigma and eta; tails in float64 reach down to about 2^-1000
_MOST_BAD = 0.9  # Google's limit on the rates; beyond it k comes close to n
_ROUNDING = 1e-14  # 0.29 * 100 is 28.999...: without this it would count one colluder too few


class InfeasibleError(ProtocolError):
    """No graph and threshold keep both promises at these rates."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What is assumed, and what is asked for.

    Attributes:
        clients: number of clients n, 3 to 10^6.
        dropout: largest fraction of clients that vanish, delta.
        corrupt: largest fraction of clients that collude with the server, gamma.
        sigma: security may fail with probability 2^-sigma.
        eta: correctness may fail with probability 2^-eta.
        adversary: what the server does.

    Raises:
        ProtocolError: a field out of range.
        InfeasibleError: corrupt + dropout, or corrupt + 2 dropout if malicious, is above 0.9.
    """

    clients: int
    dropout: float
    corrupt: float
    sigma: int = 40
    eta: int = 30
    adversary: Adversary = Adversary.SEMI_HONEST

    def __post_init__(self) -> None:
        if not _FEWEST_CLIENTS <= self.clients <= _MOST_CLIENTS:
            raise ProtocolError(f"{self.clients} clients; use {_FEWEST_CLIENTS} to {_MOST_CLIENTS}")
        if not (0 <= self.dropout < 1 and 0 <= self.corrupt < 1):
            raise ProtocolError("dropout or corrupt is not in [0, 1); give fractions of the clients")
        if not (1 <= self.sigma <= _MOST_BITS and 1 <= self.eta <= _MOST_BITS):
            raise ProtocolError(f"sigma or eta is not in 1 .. {_MOST_BITS}; use about 40 and 30")
        weight = 2 if self.adversary is Adversary.MALICIOUS else 1
        if self.corrupt + weight * self.dropout > _MOST_BAD + _ROUNDING:
            raise InfeasibleError(f"corrupt + {weight} * dropout exceeds {_MOST_BAD}; lower one of them")

    @property
    def colluders(self) -> int:
        """Largest number of corrupt clients, floor(gamma n)."""
        return math.floor((self.corrupt + _ROUNDING) * self.clients)

    @property
    def dropouts(self) -> int:
        """Largest number of clients that vanish, floor(delta n)."""
        return math.floor((self.dropout + _ROUNDING) * self.clients)

    def safe_threshold(self, holders: int, colluding: int) -> int:
        """Least t with which this many colluding holders of a client's shares stay harmless.

        Source: Bonawitz et al. 2017, section 6; at least 2, since a single share would be the secret.
        """
        total = holders + colluding
        return max(2, total // 2 + 1 if self.adversary is Adversary.MALICIOUS else colluding + 1)


@dataclass(frozen=True, kw_only=True)
class Parameters(Setting):
    """A degree and a threshold that keep the promises of a setting; made by the functions below.

    Attributes:
        neighbours: degree k of the graph; a client is not its own neighbour.
        threshold: number t of shares that rebuild a secret, out of `holders`.
    """

    neighbours: int
    threshold: int

    @property
    def complete(self) -> bool:
        """Whether any two clients are neighbours."""
        return self.neighbours >= self.clients - 1

    @property
    def holders(self) -> int:
        """Shares made of a secret: k, one for each neighbour; in the complete graph n, the owner keeps one.

        In a sparse graph the owner must keep none: the malicious rule may have no room for a further holder.
        """
        return self.clients if self.complete else self.neighbours

    @property
    def survives_cuts(self) -> bool:
        """Whether a server that sees the graph cannot split the sum by calling two runs of clients dead."""
        return self.complete or self.threshold >= cut_threshold(self, self.neighbours)

    @property
    def claim(self) -> str:
        """What these parameters promise, in one sentence."""
        blind = "" if self.survives_cuts else ", neither picked with sight of the graph"
        correctness, security = ("0", "0") if self.complete else (f"2^-{self.eta}", f"2^-{self.sigma}")
        return (
            f"When at most {self.dropouts} of {self.clients} clients drop out and at most {self.colluders} "
            f"collude with a {self.adversary} server{blind}, correctness fails with probability <= "
            f"{correctness} and security with probability <= {security}."
        )


def choose(
    clients: int,
    *,
    dropout: float,
    corrupt: float,
    sigma: int = 40,
    eta: int = 30,
    adversary: Adversary = Adversary.SEMI_HONEST,
) -> Parameters:
    """The complete graph up to COMPLETE_UP_TO clients, above that a sparse one; arguments as in `Setting`.

    Against a malicious server a sparse graph is chosen for GRINDING_BITS more bits of security, and such that
    the server cannot split the sum.

    Raises:
        ProtocolError: an argument out of range.
        InfeasibleError: nothing keeps both promises at these rates.
    """
    setting = Setting(
        clients=clients, dropout=dropout, corrupt=corrupt, sigma=sigma, eta=eta, adversary=adversary
    )
    if clients <= COMPLETE_UP_TO:
        return complete_parameters(setting)
    if adversary is Adversary.SEMI_HONEST:
        return harary_parameters(setting)
    return harary_parameters(replace(setting, sigma=sigma + GRINDING_BITS), against_cuts=True)


def complete_parameters(setting: Setting) -> Parameters:
    """All clients as neighbours, t = floor(2n/3) + 1.

    Raises:
        InfeasibleError: too many dropouts or colluders for that threshold, for certain.
    """
    clients, threshold = setting.clients, default_threshold(setting.clients)
    if clients - setting.dropouts < threshold:
        raise InfeasibleError(f"{setting.dropouts} of {clients} may drop out; lower dropout below 1/3")
    safe = max(setting.safe_threshold(clients, setting.colluders), setting.colluders + _FEWEST_HONEST)
    if threshold < safe:
        raise InfeasibleError(f"{setting.colluders} of {clients} may collude; lower corrupt below 1/3")
    return Parameters(**asdict(setting), neighbours=clients - 1, threshold=threshold)


def cut_threshold(setting: Setting, neighbours: int) -> int:
    """Least t that a client at the edge of a cut ring cannot collect: half its neighbours, and colluders.

    Two runs of k/2 clients called dead leave two arcs, each told that the other is dead. A client at the edge
    of an arc then has k/2 neighbours left, and colluders among those beyond.
    """
    half, chance = neighbours // 2, 2.0 ** -(setting.sigma + 2) / (2 * setting.clients)
    return half + most_marked(setting.clients, setting.colluders, half, chance) + 1


def harary_parameters(setting: Setting, *, against_cuts: bool = False) -> Parameters:
    """The smallest even degree of a random Harary graph, and its smallest threshold.

    `against_cuts` asks for a threshold of `cut_threshold` or more besides.

    Raises:
        InfeasibleError: no degree below n - 1 keeps both promises.

    Source: Bell et al. 2020, section 3, as in Google's federated-compute, graph_parameter_finder.cc, but
        never with a threshold that survivors may miss (there, if corrupt is near 0).
    """
    for neighbours in range(2, setting.clients - 1, 2):
        threshold = _threshold(setting, neighbours, against_cuts)
        if threshold is not None:
            return Parameters(**asdict(setting), neighbours=neighbours, threshold=threshold)
    raise InfeasibleError(f"no sparse graph of {setting.clients} clients will do; lower dropout or corrupt")


def _threshold(setting: Setting, neighbours: int, against_cuts: bool) -> int | None:
    # Half of 2^-sigma is for a cut graph, half for colluders around a client, whichever of the n it is; with
    # `against_cuts` the second half is shared by all its neighbours and those of either side.
    if _log2_cut(setting, neighbours) >= -(setting.sigma + 1):
        return None
    clients, survivors = setting.clients, setting.clients - setting.dropouts
    bits = setting.sigma + (2 if against_cuts else 1)
    insecure, incorrect = 2.0**-bits / clients, 2.0**-setting.eta / clients
    colluding = most_marked(clients, setting.colluders, neighbours, insecure)
    threshold = setting.safe_threshold(neighbours, colluding)
    if against_cuts:
        threshold = max(threshold, cut_threshold(setting, neighbours))
    return threshold if threshold <= fewest_marked(clients, survivors, neighbours, incorrect) else None


def _log2_cut(setting: Setting, neighbours: int) -> float:
    # To cut the ring, dropouts and colluders must fill two disjoint runs of k/2 places; union over all pairs.
    pairs = setting.clients * (setting.clients - neighbours - 1) / 2
    bad = setting.colluders + setting.dropouts
    return math.log2(pairs) + log2_all_marked(setting.clients, bad, neighbours)

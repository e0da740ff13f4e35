"""What a server may be."""

from enum import StrEnum


class Adversary(StrEnum):
    """What a server does, beside reading all it receives together with the corrupt clients."""

    SEMI_HONEST = "semi-honest"
    """Follows the protocol: a client is safe while fewer than t holders of its shares collude."""
    MALICIOUS = "malicious"
    """Calls one client dead to some holders, alive to others: safe while 2t > holders + colluding holders.

    On a sparse graph it may still split the sum in two, if it sees the graph before it says who is dead."""

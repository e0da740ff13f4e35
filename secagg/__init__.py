"""Secure aggregation: a server learns the weighted sum of its clients' vectors and nothing else of them.

One round of Bonawitz et al. 2017 with double masks, on the complete graph, against a semi-honest server. The
state machines `Client` and `Server` map bytes to bytes; transport, clocks and identities are the caller's.
"""

from secagg.client import Client
from secagg.config import Floors, RoundConfig, default_threshold
from secagg.errors import (
    OverflowRefusedError,
    ProtocolError,
    SecAggError,
    SecretExposedError,
    TamperedError,
    TooFewSharesError,
)
from secagg.local import Envelope, LocalRound
from secagg.ring import FixedPoint, Ring
from secagg.server import Aggregate, Server

__all__ = [
    "Aggregate",
    "Client",
    "Envelope",
    "FixedPoint",
    "Floors",
    "LocalRound",
    "OverflowRefusedError",
    "ProtocolError",
    "Ring",
    "RoundConfig",
    "SecAggError",
    "SecretExposedError",
    "Server",
    "TamperedError",
    "TooFewSharesError",
    "default_threshold",
]

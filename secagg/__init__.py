"""Secure aggregation: a server learns the weighted sum of its clients' vectors and nothing else of them.

One round with double masks, on the complete graph (Bonawitz et al. 2017) or on a sparse random one (SecAgg+,
Bell et al. 2020), against a semi-honest server, or against a malicious one with signatures and a consistency
check. `Client` and `Server` are functions of state and event; transport and clocks are the caller's.
"""

from secagg.adversary import Adversary
from secagg.client import Client
from secagg.config import Floors, RoundConfig, default_threshold
from secagg.errors import (
    AbortedError,
    OutOfOrderError,
    OverflowRefusedError,
    ProtocolError,
    SecAggError,
    SecretExposedError,
    TamperedError,
    TooFewSharesError,
)
from secagg.events import SERVER, Begin, Closed, Contribute, Deadline, Event, Outgoing
from secagg.local import Envelope, LocalRound
from secagg.parameters import InfeasibleError, Parameters, choose
from secagg.ring import FixedPoint, Ring
from secagg.server import Server
from secagg.server_states import Aggregate, Done
from secagg.session import ClientSession, ServerSession

__all__ = [
    "SERVER",
    "AbortedError",
    "Adversary",
    "Aggregate",
    "Begin",
    "Client",
    "ClientSession",
    "Closed",
    "Contribute",
    "Deadline",
    "Done",
    "Envelope",
    "Event",
    "FixedPoint",
    "Floors",
    "InfeasibleError",
    "LocalRound",
    "OutOfOrderError",
    "Outgoing",
    "OverflowRefusedError",
    "Parameters",
    "ProtocolError",
    "Ring",
    "RoundConfig",
    "SecAggError",
    "SecretExposedError",
    "Server",
    "ServerSession",
    "TamperedError",
    "TooFewSharesError",
    "choose",
    "default_threshold",
]

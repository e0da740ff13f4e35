"""Rounds over a network that loses, delays, repeats and damages messages, and under a server that lies.

Everything runs in one process and in virtual time: `simulate` never sleeps.
"""

from secagg.simulation.faults import Faults, Pace
from secagg.simulation.report import Fate, Refusal, Report, Sent
from secagg.simulation.rounds import simulate

__all__ = ["Fate", "Faults", "Pace", "Refusal", "Report", "Sent", "simulate"]

"""Keys and plan of a simulation, all in one folder; in a deployment each node has its own files."""

import os
from pathlib import Path

import numpy as np
from torch import nn

from flower_secagg.task import MOST_EXAMPLES, network
from gradveil.exchange import Layout
from gradveil.exchange.files import write_atomically
from gradveil.parties import Identity, Roster
from gradveil.plan import Masking, Metric, Plan, Purpose, save

FOLDER = Path(os.environ.get("FLOWER_SECAGG_KEYS", Path.home() / ".cache" / "gradveil" / "flower_secagg"))
PLAN = FOLDER / "job.plan"


def plan_for(model: nn.Module, clients: int) -> Plan:
    """Everything goes through secure aggregation: weights, counts and metrics."""
    layout = Layout.of({name: np.asarray(value) for name, value in model.state_dict().items()})
    return Plan.of(
        layout,
        clients=clients,
        max_weight=MOST_EXAMPLES,
        masking=Masking.for_(clients=clients, clip=1.0, modulus_bits=40),
        metrics=(Metric("train-loss", 16.0), Metric("accuracy", 1.0, Purpose.EVALUATE)),
    )


def prepare(clients: int) -> None:
    """Make what is not there yet; a roster of another number of clients is replaced."""
    if PLAN.exists() and len(Roster.from_bytes((FOLDER / "roster").read_bytes()).clients) == clients:
        return
    identities = [Identity.generate(f"client-{number}") for number in range(clients)]
    server = Identity.generate("server")
    for identity in (*identities, server):
        identity.save(FOLDER / "identities" / f"{identity.name}.key")
    write_atomically(FOLDER / "roster", Roster.of(identities, server).to_bytes())
    save(plan_for(network(), clients), PLAN)

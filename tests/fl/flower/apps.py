"""A ClientApp that trains without randomness, and what stands around it."""

import numpy as np
from flwr.app import Array, ArrayRecord, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import ServerApp

import he
from gradveil.exchange import Layout, Selection
from gradveil.fl import ServerParties
from gradveil.fl.flower import ProtectedMod, parties_in
from gradveil.fl.flower.engine import simulate
from gradveil.parties import Identity, Roster
from gradveil.plan import Masking, Metric, Placement, Plan, Purpose

NODES = 5
MODEL = {
    "conv.weight": np.linspace(-1, 1, 24, dtype=np.float32).reshape(2, 3, 4),
    "conv.bias": np.zeros(2, np.float32),
    "norm.batches": np.array(3, np.int64),
    "head.weight": np.linspace(0, 1, 6, dtype=np.float64).reshape(3, 2),
}
LAYOUT = Layout.of(MODEL)
CKKS = he.CkksParams.for_(clients=NODES, value_range=8.0, precision_bits=24)
MASKING = Masking.for_(clients=NODES, clip=4.0)
METRICS = (Metric("loss", 16.0), Metric("accuracy", 1.0, Purpose.EVALUATE))


def chosen(*names):
    return Selection(LAYOUT, LAYOUT.mask_of(names), "named")


def plan(**choices):
    return Plan.of(LAYOUT, clients=NODES, max_weight=20, metrics=METRICS, **choices)


MASKED = plan(masking=MASKING)
SELECTIVE = plan(
    encrypted=chosen("conv.weight"),
    clear=chosen("conv.bias", "norm.batches", "head.weight"),
    encryption=CKKS,
    weight=Placement.CLEAR,
)
HYBRID = plan(encrypted=chosen("conv.weight"), encryption=CKKS, masking=MASKING)
PLANS = {"masked": MASKED, "selective": SELECTIVE, "hybrid": HYBRID}


class Keys:
    """All parties' keys in one folder, as `gradveil keys new` makes it."""

    def __init__(self, folder, encrypted=True):
        self.folder = folder
        clients = [Identity.generate(f"client-{number}") for number in range(NODES)]
        server = Identity.generate("server")
        roster = Roster.of(clients, server)
        (folder / "roster").write_bytes(roster.to_bytes())
        for each in (*clients, server):
            each.save(folder / "identities" / f"{each.name}.key")
        key = he.ClientKey.generate(CKKS, "job") if encrypted else None
        if key is not None:
            key.save(folder / "client.key")
        self.key = key
        self.server = ServerParties(roster, server, None if key is None else key.server_key())


def arrays(values=MODEL):
    return ArrayRecord({name: Array(np.asarray(value)) for name, value in values.items()})


def trained(values, partition, before=0.0):
    """Depends on the values, so that a client which was given another model ends elsewhere."""
    step = (partition + 1) / 10 + before
    moved = {name: value + step * np.cos(np.asarray(value, np.float64)) for name, value in values.items()}
    moved["norm.batches"] = np.asarray(values["norm.batches"]) + 2
    return {name: np.asarray(value).astype(MODEL[name].dtype) for name, value in moved.items()}


def client_app(*mods):
    app = ClientApp(mods=list(mods))

    @app.train()
    def train(message, context):
        values = {name: array.numpy() for name, array in message.content["arrays"].items()}
        partition = int(context.node_config["partition-id"])
        metrics = MetricRecord({"num-examples": 3 * partition + 1, "loss": float(partition)})
        found = {"arrays": arrays(trained(values, partition)), "metrics": metrics}
        return Message(RecordDict(found), reply_to=message)

    @app.evaluate()
    def evaluate(message, context):
        first = float(message.content["arrays"]["conv.weight"].numpy().flat[0])
        partition = int(context.node_config["partition-id"])
        metrics = MetricRecord({"num-examples": partition + 1, "accuracy": np.tanh(first).item()})
        return Message(RecordDict({"metrics": metrics}), reply_to=message)

    return app


def protected_app(of, keys, *mods, **options):
    return client_app(*mods, ProtectedMod(of, parties_in(keys.folder), **options))


def run(strategy, app, rounds=2, grid_of=lambda grid: grid, initial=None, nodes=NODES):
    """Whole simulation; returns Flower's result."""
    server, results = ServerApp(), []

    @server.main()
    def main(grid, context):
        results.append(strategy.start(grid_of(grid), initial or arrays(), num_rounds=rounds))

    simulate(server, app, nodes)
    return results[0]


def values_of(record):
    return {name: array.numpy() for name, array in record.items()}


def expected(rounds, stayed=range(NODES)):
    """The weighted mean of what clients train, round after round, in float64."""
    values = MODEL
    for _ in range(rounds):
        results = {number: trained(values, number) for number in stayed}
        total = sum(3 * number + 1 for number in stayed)
        mean = {
            name: sum((3 * number + 1) * np.float64(results[number][name]) for number in stayed) / total
            for name in MODEL
        }
        values = {name: np.asarray(mean[name]).astype(MODEL[name].dtype) for name in MODEL}
    return values

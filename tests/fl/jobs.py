"""Plans of every kind over one small model, and jobs of them."""

from dataclasses import replace

import numpy as np

import he
from gradveil.exchange import Layout, Selection
from gradveil.fl import LocalJob, Trained
from gradveil.plan import Masking, Metric, Placement, Plan, Purpose, Shrunk
from secagg import Adversary

LAYOUT = Layout(("first.weight", "first.bias", "norm.count", "last.weight"), ((6, 5), (6,), (), (4, 6)))
CLIENTS = tuple(f"client-{number}" for number in range(8))
MAX_WEIGHT = 20
METRICS = (Metric("loss", 16.0), Metric("accuracy", 1.0, Purpose.EVALUATE))
CKKS = he.CkksParams.for_(clients=len(CLIENTS), value_range=8.0, precision_bits=24)
PACKED = he.PackedParams.for_(clients=len(CLIENTS), value_range=4.0, precision_bits=17)


def chosen(*names):
    return Selection(LAYOUT, LAYOUT.mask_of(names), "named")


def masking(adversary=Adversary.SEMI_HONEST):
    return Masking.for_(clients=len(CLIENTS), clip=2.0, adversary=adversary)


def plan(**choices):
    return Plan.of(LAYOUT, clients=len(CLIENTS), max_weight=MAX_WEIGHT, **choices)


MASKED = plan(masking=masking(), metrics=METRICS)
MALICIOUS = plan(masking=masking(Adversary.MALICIOUS), metrics=METRICS)
SPARSE = plan(masking=replace(masking(), neighbours=4, threshold=3), metrics=METRICS)
SELECTIVE = plan(
    encrypted=chosen("first.weight", "first.bias"),
    clear=chosen("norm.count", "last.weight"),
    encryption=CKKS,
    weight=Placement.CLEAR,
    metrics=METRICS,
)
ENCRYPTED = plan(
    encrypted=chosen("first.weight", "first.bias", "last.weight"),
    dropped=chosen("norm.count"),
    encryption=PACKED,
    weight=Placement.ENCRYPTED,
)
HYBRID = plan(encrypted=chosen("first.weight"), encryption=CKKS, masking=masking(), metrics=METRICS)
EVERYTHING = plan(
    encrypted=chosen("first.weight"),
    clear=chosen("first.bias"),
    dropped=chosen("norm.count"),
    encryption=CKKS,
    masking=replace(masking(Adversary.MALICIOUS), clip=0.5, shrunk=(Shrunk("last.weight", 4.0),)),
    metrics=METRICS,
)
PLANS = {
    "masked": MASKED,
    "malicious": MALICIOUS,
    "sparse": SPARSE,
    "selective": SELECTIVE,
    "encrypted": ENCRYPTED,
    "hybrid": HYBRID,
    "everything": EVERYTHING,
}
MASKING_PLANS = {name: each for name, each in PLANS.items() if each.masking is not None}


class Training:
    """What each client adds to the model, the same in every round, and what it reports."""

    def __init__(self, clients=CLIENTS, layout=LAYOUT, seed=0):
        rng = np.random.default_rng(seed)
        self.steps = {
            name: rng.normal(0, 0.3, layout.size).clip(-1.9, 1.9).astype(np.float32) for name in clients
        }
        self.weights = {name: int(rng.integers(1, MAX_WEIGHT + 1)) for name in clients}
        self.losses = {name: float(rng.uniform(0, 10)) for name in clients}

    def __call__(self, name, model):
        return Trained(self.weights[name], {"loss": self.losses[name]}, model, model + self.steps[name])

    def evaluate(self, name, model):
        return Trained(self.weights[name], {"accuracy": float(np.tanh(model[0]))})

    def mean(self, values, clients):
        total = sum(self.weights[name] * np.float64(values[name]) for name in clients)
        return total / sum(self.weights[name] for name in clients)


def model(layout=LAYOUT):
    return np.random.default_rng(9).normal(0, 1, layout.size).astype(np.float32)


def job(of, clients=CLIENTS, policy=None):
    return LocalJob(of, clients, model(of.layout), policy)

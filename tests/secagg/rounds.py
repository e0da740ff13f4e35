"""Small rounds, driven step by step so that a test can lie at any of them."""

import numpy as np

from secagg import Client, FixedPoint, RoundConfig, Server

CONTEXT = bytes(range(32))
SESSION = bytes(range(16))
LENGTH = 7
NAMES = ("ann", "bob", "cid", "dan")
ENCODING = FixedPoint(clip=2.0, max_clients=8, max_weight=100)


def config(threshold=3, **changes):
    fields = {"session": SESSION, "round": 5, "context": CONTEXT, "encoding": ENCODING, "length": LENGTH}
    return RoundConfig(threshold=threshold, **(fields | changes))


def vector(name):
    """A vector of its own for each name, the same in every run."""
    return np.random.default_rng(list(name.encode())).normal(0, 0.5, LENGTH).astype(np.float32)


def weight(name):
    return 1 + sum(name.encode()) % 100


def exact_sum(names, encoding=ENCODING):
    """What the ring total must be, computed with Python integers."""
    rows = [encoding.encode(vector(name), weight(name)).tolist() for name in names]
    return [sum(column) % 2**encoding.modulus_bits for column in zip(*rows, strict=True)]


class Round:
    """Clients and server with every message of the last step, up to the step a test asks for."""

    def __init__(self, names=NAMES, **changes):
        self.config = config(**changes)
        self.clients = {name: Client(name, self.config) for name in names}
        self.server = Server(self.config)

    def advertised(self):
        self.keys = {name: client.advertise() for name, client in self.clients.items()}
        return self

    def rostered(self):
        self.advertised()
        for payload in self.keys.values():
            self.server.receive_keys(payload)
        self.roster = self.server.close_keys()
        return self

    def shared(self):
        self.rostered()
        self.shares = {name: client.share_keys(self.roster) for name, client in self.clients.items()}
        return self

    def routed(self):
        self.shared()
        for payload in self.shares.values():
            self.server.receive_shares(payload)
        self.packets = self.server.close_shares()
        return self

    def ready(self):
        self.routed()
        for name, client in self.clients.items():
            client.receive_shares(self.packets[name])
        return self

    def masked(self):
        self.ready()
        self.inputs = {name: client.mask(vector(name), weight(name)) for name, client in self.clients.items()}
        return self

    def summed(self, survivors=NAMES):
        self.masked()
        for name in survivors:
            self.server.receive_input(self.inputs[name])
        self.dead_list = self.server.close_inputs()
        self.survivors = survivors
        return self

    def answered(self, survivors=NAMES):
        self.summed(survivors)
        self.answers = {name: self.clients[name].unmask(self.dead_list) for name in survivors}
        return self

"""Who takes part in the tests: clients and a server with fixed identities, and one key without frames."""

import hashlib
from functools import lru_cache

import numpy as np

from he import Accumulator, Binding, Encryption, Identity, Roster, encrypt
from he.frames import Kind, write_frame
from he.schemes import scheme_of


def identity(name):
    return Identity.from_private_bytes(name, hashlib.sha256(name.encode()).digest())


NAMES = ("ann", "bob", "cid", "dan")
CLIENTS = tuple(identity(name) for name in NAMES)
ANN, BOB, CID, DAN = CLIENTS
SERVER = identity("server")
ROSTER = Roster.of(CLIENTS, SERVER)


def binding(count, number=1):
    layout, selection = (hashlib.sha256(text).digest() for text in (b"layout", b"selection"))
    return Binding(round=number, layout=layout, selection=selection, count=count)


def upload(key, values, client=ANN, number=1):
    values = np.asarray(values, dtype=np.float64)
    return encrypt(key, values, identity=client, binding=binding(values.size, number))


def server(key, count, number=1, **options):
    return Accumulator(key.server_key(), binding(count, number), roster=ROSTER, identity=SERVER, **options)


def aggregate(key, vectors, weights=None, number=1):
    """What the server makes of one vector for each of the first clients."""
    total = server(key, len(vectors[0]), number)
    for client, vector, weight in zip(CLIENTS, vectors, weights or [1] * len(vectors), strict=False):
        total.add(upload(key, vector, client, number), weight)
    return total.close()


def forged(key, body, count, *, sender=ANN, kind=Kind.UPLOAD, contributors=None, number=1):
    """A well-formed frame around any body, signed by one who may sign."""
    bound = binding(count, number)
    expected = bound.expected(key.scope, kind)
    return write_frame(
        kind,
        expected.context,
        contributors or {sender.name: 1},
        chunks=expected.chunks,
        chunk_bytes=expected.chunk_bytes,
        body=[body],
        identity=sender,
    )


class Bench:
    """One key of a scheme, and sums of steps without frames around them."""

    def __init__(self, params):
        self.params, self.scheme = params, scheme_of(params)
        self.secret = self.scheme.generate()
        if params.encryption is Encryption.PUBLIC_KEY:
            self.encryptor = self.scheme.public_encryptor(self.scheme.publish(self.secret))
        else:
            self.encryptor = self.scheme.secret_encryptor(self.secret)
        self.adder, self.decryptor = self.scheme.adder(), self.scheme.decryptor(self.secret)

    def counts(self, count):
        chunk = self.params.values_per_chunk
        return [min(chunk, count - start) for start in range(0, count, chunk)]

    def upload(self, steps):
        """Chunks of steps (n,)."""
        ends = np.cumsum(self.counts(steps.size))[:-1]
        return [self.encryptor.encrypt(chunk) for chunk in np.split(steps, ends)]

    def add(self, uploads, weights, count):
        """Chunks of the weighted sum."""
        sums = []
        for number, size in enumerate(self.counts(count)):
            total = None
            for chunks, weight in zip(uploads, weights, strict=True):
                chunk = memoryview(chunks[number])
                self.adder.require_valid(chunk, size)
                term = self.adder.load(chunk, size)
                term = self.adder.multiply(term, weight) if weight > 1 else term
                if total is None:
                    total = term
                else:
                    self.adder.add(total, term)
            sums.append(self.adder.dump(total, size))
        return sums

    def open(self, sums, weights, count):
        weight, squares = sum(weights), sum(each * each for each in weights)
        chunks = zip(sums, self.counts(count), strict=True)
        opened = [self.decryptor.decrypt(memoryview(data), size, weight, squares) for data, size in chunks]
        return np.concatenate(opened)

    def sum(self, vectors, weights=None):
        """Steps of the weighted sum of vectors (clients, n)."""
        weights, count = weights or [1] * len(vectors), len(vectors[0])
        return self.open(self.add([self.upload(each) for each in vectors], weights, count), weights, count)


@lru_cache
def bench(params):
    """One for each set of parameters in each process."""
    return Bench(params)

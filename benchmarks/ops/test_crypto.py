"""Cryptographic operations on one vector of 10^5 values: `make bench`."""

import numpy as np
import pytest

import he
import secagg

COUNT = 100_000
BINDING = bytes(32)


@pytest.fixture(scope="module")
def values():
    return np.random.default_rng(0).normal(0, 0.05, COUNT)


@pytest.fixture(scope="module")
def key():
    return he.ClientKey.generate(he.CkksParams())


def test_ckks_encrypt(benchmark, key, values):
    frame = benchmark(he.encrypt, key, values, client="ann", binding=BINDING)
    benchmark.extra_info["bytes_per_value"] = len(frame) / COUNT


def test_ckks_add(benchmark, key, values):
    frame = he.encrypt(key, values, client="ann", binding=BINDING)
    server = key.server_key()
    benchmark(lambda: he.Accumulator(server, BINDING).add(frame))


def test_ckks_decrypt(benchmark, key, values):
    accumulator = he.Accumulator(key.server_key(), BINDING)
    for client in ("ann", "bob"):
        accumulator.add(he.encrypt(key, values, client=client, binding=BINDING))
    benchmark(he.decrypt, key, accumulator.to_bytes(), binding=BINDING)


@pytest.mark.parametrize("clients", [4, 16])
def test_masked_round(benchmark, values, clients):
    names = [f"client-{number}" for number in range(clients)]
    encoding = secagg.FixedPoint(clip=8.0, max_clients=clients, max_weight=1)
    vector = values.astype(np.float32)

    def whole_round():
        round_ = secagg.LocalRound(names, encoding, COUNT, context=bytes(32))
        round_.share_keys()
        for name in names:
            round_.submit(round_.mask(name, vector, 1))
        return round_.unmask()

    assert benchmark(whole_round).survivors == frozenset(names)

"""Cryptographic operations on one vector of 10^5 values: `make bench`."""

import numpy as np
import pytest

import he
import secagg

COUNT = 100_000
BINDING = he.Binding(round=0, layout=bytes(32), selection=bytes(32), count=COUNT)
ANN, BOB, SERVER = (he.Identity.generate(name) for name in ("ann", "bob", "server"))
ROSTER = he.Roster.of([ANN, BOB], SERVER)
PARAMS = {
    "packed": he.PackedParams.for_(clients=10, value_range=1.0, precision_bits=18),
    "ckks": he.CkksParams(),
    "nvflare": he.TensealVectorParams.nvflare(),
}


@pytest.fixture(scope="module")
def values():
    return np.random.default_rng(0).normal(0, 0.05, COUNT)


@pytest.fixture(scope="module", params=PARAMS)
def key(request):
    return he.ClientKey.generate(PARAMS[request.param], job="benchmark")


def accumulator(key):
    return he.Accumulator(key.server_key(), BINDING, roster=ROSTER, identity=SERVER)


def test_he_encrypt(benchmark, key, values):
    frame = benchmark(he.encrypt, key, values, identity=ANN, binding=BINDING)
    benchmark.extra_info["bytes_per_value"] = len(frame) / COUNT


def test_he_add(benchmark, key, values):
    ann, bob = (he.encrypt(key, values, identity=client, binding=BINDING) for client in (ANN, BOB))

    def with_ann():
        started = accumulator(key)
        started.add(ann)
        return (started, bob), {}

    benchmark.pedantic(he.Accumulator.add, setup=with_ann, rounds=10)


def test_he_decrypt(benchmark, key, values):
    server = accumulator(key)
    for client in (ANN, BOB):
        server.add(he.encrypt(key, values, identity=client, binding=BINDING))
    aggregate = server.close()
    opened = benchmark(lambda: he.Decryptor(key, ROSTER).decrypt(aggregate, BINDING))
    assert np.abs(opened.values - 2 * values).max() <= key.params.error_bound(2)
    benchmark.extra_info["bytes_per_value"] = len(aggregate) / COUNT


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

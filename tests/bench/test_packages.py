"""All packages give the sum of what went in, in one process or with the server in another."""

import numpy as np
import pytest

from gradveil.bench import ours, peers
from gradveil.bench.measure import Inputs
from gradveil.bench.memory import MeasurementError, server_peak
from gradveil.bench.plan import Size
from gradveil.bench.server_files import AGGREGATE, PEAK, UPLOAD, WARM_UP, WORK
from gradveil.bench.server_memory import main

COUNT, CLIENTS = 300, 3
BUILD = {name: lambda name=name: ours.He(name, CLIENTS) for name in ours.SETUPS}
BUILD |= {name: lambda name=name: peers.TensealVector(name) for name in peers.SETUPS}


@pytest.fixture(params=BUILD)
def package(request):
    return BUILD[request.param]()


@pytest.fixture
def inputs():
    return Inputs.drawn(COUNT, CLIENTS)


def test_a_round_and_its_server_elsewhere(package, inputs, tmp_path):
    for name in (WARM_UP, WORK):
        (tmp_path / name).mkdir()
        package.save_server(tmp_path / name, COUNT)
        for client, values in enumerate(inputs.values):
            (tmp_path / name / UPLOAD.format(client)).write_bytes(package.encrypt(client, values))
    main(package.kind, tmp_path)
    total = package.decrypt((tmp_path / WORK / AGGREGATE).read_bytes(), COUNT)
    np.testing.assert_allclose(total, inputs.total, atol=1e-4)
    assert int((tmp_path / PEAK).read_text()) >= 0


def test_loading_and_adding_apart(package, inputs):
    uploads = [package.encrypt(client, inputs.values[client]) for client in range(2)]
    total, term = (package.load(upload, COUNT) for upload in uploads)
    package.add(total, term)
    server = package.server(COUNT)
    for upload in uploads:
        server.add(upload)
    assert package.decrypt(server.close(), COUNT).shape == (COUNT,)


def test_inputs_are_the_same_each_time_and_a_share_is_a_part(inputs):
    again = Inputs.drawn(COUNT, CLIENTS)
    np.testing.assert_array_equal(inputs.values, again.values)
    part = inputs.share(0.1)
    assert part.values.shape == (CLIENTS, COUNT // 10)
    np.testing.assert_array_equal(part.total, part.values.sum(axis=0))
    assert inputs.share(1e-9).total.size == 1


def test_a_failing_server_is_one_line(monkeypatch):
    package = ours.He("packed", 2)
    monkeypatch.setattr(type(package), "kind", "unknown")
    with pytest.raises(MeasurementError, match="packed failed \\(KeyError: 'unknown'") as caught:
        server_peak(package, Size(10, 2))
    assert "\n" not in str(caught.value)

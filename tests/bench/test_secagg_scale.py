"""Large rounds: exact sums, and the limits that we promise for a thousand clients."""

import io

import pytest

from gradveil.bench import secagg_replay
from gradveil.bench.memory import MeasurementError
from gradveil.bench.secagg_scale import measure_scale
from secagg import Deadline

MIB = 1 << 20


def test_a_small_round_is_measured_in_every_figure():
    figures = measure_scale(60, 500, 0.05)
    assert (figures.pop("clients"), figures.pop("survivors")) == (60, 57)
    assert figures.pop("server_peak_bytes") >= 0
    assert min(figures.values()) > 0
    assert figures["server_unmask_s"] < figures["server_cpu_s"] < figures["cpu_seconds"]
    assert 4 < figures["uplink_bytes_per_coord"] < 30


def test_a_round_that_fails_gives_no_figures(monkeypatch):
    monkeypatch.setattr(secagg_replay, "__file__", "no such file")
    with pytest.raises(MeasurementError, match="60 clients failed"):
        measure_scale(60, 10, 0.05)


def test_events_are_read_as_they_were_written():
    file, events = io.BytesIO(), [b"one", Deadline(), bytes(1000)]
    for event in events:
        secagg_replay.write_event(file, event)
    file.seek(0)
    assert list(secagg_replay.read_events(file)) == events


@pytest.mark.slow
def test_a_thousand_clients_on_one_machine():
    figures = measure_scale(1000, 100_000, 0.05)
    assert figures["survivors"] == 950
    assert figures["cpu_seconds"] < 120
    assert figures["server_peak_bytes"] < 50 * MIB
    assert figures["uplink_bytes_per_coord"] < 4.2

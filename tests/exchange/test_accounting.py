"""The report of an upload's bytes adds up and tells hidden zeros from hidden information."""

import numpy as np
import pytest

from gradveil.exchange import ByteReport, Clear, Layout, Sealed, Update, Upload

LAYOUT = Layout(("w",), ((8,),))
VECTOR = np.array([0, 0, 0, 0, 1, 2, 3, 0], dtype=np.float32)
UPDATE = Update(LAYOUT, VECTOR, 3)


def upload(hidden):
    hidden = np.array([*hidden, LAYOUT.weight_coord], dtype=np.int64)
    rest = np.setdiff1d(np.arange(LAYOUT.wire_size), hidden)
    parts = [Sealed(hidden, "ckks", bytes(100))]
    if rest.size:
        parts.append(Clear(rest, UPDATE.contribution()[rest]))
    return Upload("ann", LAYOUT, tuple(parts), hidden)


def test_all_bytes_are_accounted_for():
    sent = upload([0, 4])
    report = ByteReport.of(sent, UPDATE)
    assert report.sealed_bytes + report.clear_bytes + report.envelope_bytes == sent.nbytes
    assert (report.sealed_values, report.sealed_bytes) == (3, 100)
    assert (report.clear_values, report.clear_bytes) == (6, 24)


@pytest.mark.parametrize(
    ("hidden", "share", "nonzero"),
    [([0, 1, 2, 3], 0.5, 0.0), ([4, 5, 6], 0.375, 1.0), ([3, 4], 0.25, 1 / 3), (range(8), 1.0, 1.0)],
)
def test_encrypted_zeros_do_not_count_as_hidden(hidden, share, nonzero):
    report = ByteReport.of(upload(list(hidden)), UPDATE)
    assert report.sealed_share == pytest.approx(share)
    assert report.sealed_share_nonzero == pytest.approx(nonzero)


def test_an_update_of_zeros_hides_nothing():
    zero = Update(LAYOUT, np.zeros(8, np.float32), 1)
    assert ByteReport.of(upload([1]), zero).sealed_share_nonzero == 0

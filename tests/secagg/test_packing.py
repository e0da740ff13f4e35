"""Ring vectors of every width on the wire."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradveil.exchange import WireError
from secagg import FixedPoint, OverflowRefusedError, ProtocolError
from secagg.packing import pack, packed_bytes, unpack
from secagg.residues import reduce, ring_dtype


@given(st.integers(8, 64), st.integers(0, 200), st.randoms(use_true_random=False))
def test_masked_vectors_survive_packing(bits, count, random):
    raw = random.randbytes(count * ring_dtype(bits).itemsize)
    ring = np.frombuffer(raw, dtype=ring_dtype(bits)).copy()
    data = pack(ring, bits)
    assert len(data) == packed_bytes(count, bits) == -(-count * bits // 8)
    np.testing.assert_array_equal(unpack(data, count, bits), reduce(ring, bits))


@given(st.integers(8, 64), st.integers(1, 20), st.randoms(use_true_random=False))
def test_masks_cancel_through_the_wire(bits, count, random):
    encoding = FixedPoint(1.0, 3, 1, bits, bits=2)
    vector = np.linspace(-1, 1, count, dtype=np.float32)
    raw = random.randbytes((count + 1) * encoding.dtype.itemsize)
    mask = np.frombuffer(raw, dtype=encoding.dtype)
    clear = encoding.encode(vector, 1)
    received = unpack(pack(clear + mask, bits), count + 1, bits)
    np.testing.assert_array_equal(encoding.decode(received - mask), encoding.decode(clear))


def test_a_24_bit_vector_takes_three_bytes_a_coordinate():
    encoding = FixedPoint.for_(100, 1, 1.0, 16)
    ring = encoding.encode(np.zeros(1000, np.float32), 1)
    assert encoding.modulus_bits == 23
    assert len(pack(ring, 23)) == -(-1001 * 23 // 8) < 0.75 * ring.nbytes


@given(st.binary(max_size=30), st.integers(0, 20), st.integers(8, 64))
def test_hostile_bytes_are_refused_or_canonical(data, count, bits):
    try:
        ring = unpack(data, count, bits)
    except WireError:
        return
    assert pack(ring, bits) == data
    assert max(ring.tolist(), default=0) < 2**bits


@pytest.mark.parametrize("bits", [0, 7, 65])
def test_no_such_ring(bits):
    with pytest.raises(OverflowRefusedError, match="8 to 64"):
        pack(np.zeros(2, dtype="<u8"), bits)
    with pytest.raises(OverflowRefusedError, match="8 to 64"):
        unpack(b"", 0, bits)


@pytest.mark.parametrize("ring", [np.zeros(2, "<u8"), np.zeros(2, "<i4"), np.zeros((2, 1), "<u4")])
def test_a_vector_of_another_ring_is_refused(ring):
    with pytest.raises(ProtocolError, match="24-bit vector"):
        pack(ring, 24)

"""What every decoder of bytes from outside must obey."""

from hypothesis import strategies as st

from gradveil.exchange import GradveilError


def bit_flips(data):
    """The same bytes with one bit turned."""
    return st.integers(0, 8 * len(data) - 1).map(lambda bit: _flip(data, bit))


def truncations(data):
    """Every proper prefix."""
    return st.integers(0, len(data) - 1).map(lambda length: data[:length])


def assert_strict(decode, data):
    """Either a typed error, or the decoded message has exactly these bytes."""
    try:
        message = decode(data)
    except GradveilError:
        return
    assert message.to_bytes() == data


def _flip(data, bit):
    flipped = bytearray(data)
    flipped[bit // 8] ^= 1 << bit % 8
    return bytes(flipped)

"""Messages on a stream: four bytes of length, big-endian, and then as many bytes."""

import asyncio

from gradveil.exchange import WireError

HELLO = b"hello"
"""The server's first question: join the round. All others are messages of secagg."""

OVER = b""
"""The empty frame, from the server only: nothing more is asked of this client in this round."""

_HEAD_BYTES = 4


def write_frame(writer: asyncio.StreamWriter, payload: bytes) -> None:
    """Queue one frame."""
    writer.write(len(payload).to_bytes(_HEAD_BYTES) + payload)


async def read_frame(reader: asyncio.StreamReader, limit: int) -> bytes | None:
    """The next frame, or None when the connection ends, be it in the middle of one.

    Raises:
        WireError: the frame claims more than `limit` bytes, of which none was read.
    """
    try:
        size = int.from_bytes(await reader.readexactly(_HEAD_BYTES))
        if size > limit:
            raise WireError(f"a frame of {size} bytes exceeds the limit of {limit}; close the connection")
        return await reader.readexactly(size)
    except asyncio.IncompleteReadError:
        return None

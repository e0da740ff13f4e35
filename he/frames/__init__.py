"""Signed frames: how ciphertexts travel, and what their receiver checks before it opens them."""

from he.frames.frame import Expected, Frame, peek, read_frame, write_frame
from he.frames.header import Context, Header, Kind

__all__ = ["Context", "Expected", "Frame", "Header", "Kind", "peek", "read_frame", "write_frame"]

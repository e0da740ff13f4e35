"""Flower's records as flat vectors, canonical bytes and payloads, and back."""

import json
from collections.abc import Iterator

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, MetricRecord, RecordDict
from numpy.typing import NDArray

from gradveil.exchange import InvalidUpdateError, Layout, WireError
from gradveil.fl.messages import MAX_MESSAGE_BYTES, Given

RECORD = "gradveil"
"""Under this key every message of ours carries its bytes; all else in a message is the application's."""

_PAYLOAD, _SEALED, _STYPE = "payload", "sealed-model", "gradveil.bytes"


def layout_of(arrays: ArrayRecord) -> Layout:
    """Names and shapes of a model; what a plan is made for."""
    return Layout(tuple(arrays), tuple(tuple(array.shape) for array in arrays.values()))


def flatten(arrays: ArrayRecord, layout: Layout) -> NDArray[np.float32]:
    """One float32 vector (layout.size,); LayoutMismatchError for another model."""
    return layout.flatten({name: array.numpy() for name, array in arrays.items()})


def replaced(arrays: ArrayRecord, layout: Layout, vector: NDArray[np.float32]) -> ArrayRecord:
    """A record of the same names, shapes and types with these values; whole numbers are rounded."""
    values = layout.unflatten(vector)
    return ArrayRecord({name: Array(_cast(values[name], array.dtype)) for name, array in arrays.items()})


def only(record: RecordDict, kind: type[ArrayRecord] | type[MetricRecord]) -> str:
    """The key of the one record of this kind that is not ours.

    Raises:
        InvalidUpdateError: none, or several.
    """
    keys = [key for key, value in record.items() if isinstance(value, kind) and key != RECORD]
    if len(keys) != 1:
        raise InvalidUpdateError(f"{len(keys)} {kind.__name__}s in a message; put all values into one")
    return keys[0]


def given_of(content: RecordDict, sealed: bytes) -> Given:
    """Hashes of a message's model and of its configuration, the same on both sides."""
    model, config = list[bytes](), list[bytes]()
    for key, record in sorted(content.items()):
        if key == RECORD:
            continue
        if isinstance(record, ArrayRecord):
            model += [key.encode(), *_array_parts(record)]
        else:
            config += [key.encode(), _canonical(record)]
    return Given.of(model, sealed, config)


def opaque(data: bytes) -> Array:
    """Bytes as an array: arrays travel in chunks, so bytes of any size do, and equal chunks only once."""
    return Array("uint8", (len(data),), _STYPE, data)


def with_payload(content: RecordDict, payload: bytes, sealed: Array | None = None) -> RecordDict:
    """The same records, our bytes and, if there is one, the encrypted part of the model."""
    arrays = {_PAYLOAD: opaque(payload)} | ({} if sealed is None else {_SEALED: sealed})
    return RecordDict({**content, RECORD: ArrayRecord(arrays)})


def payload_of(content: RecordDict) -> tuple[bytes, bytes] | None:
    """Our bytes and the encrypted part of the model, which may be empty; None if there is nothing of ours.

    Raises:
        WireError: a record of ours in another form.
    """
    record = content.get(RECORD)
    if record is None:
        return None
    if not isinstance(record, ArrayRecord) or not {_PAYLOAD} <= record.keys() <= {_PAYLOAD, _SEALED}:
        raise WireError("a gradveil record of another form; upgrade the older side")
    if any(array.stype != _STYPE or len(array.data) > MAX_MESSAGE_BYTES for array in record.values()):
        raise WireError("a gradveil record of another form, or too large; upgrade the older side")
    return record[_PAYLOAD].data, record[_SEALED].data if _SEALED in record else b""


def without_payload(content: RecordDict) -> RecordDict:
    """What is the application's own."""
    return RecordDict({key: record for key, record in content.items() if key != RECORD})


def _array_parts(record: ArrayRecord) -> Iterator[bytes]:
    for name, array in record.items():
        yield json.dumps([name, array.dtype, list(array.shape), array.stype]).encode()
        yield array.data


def _canonical(record: ConfigRecord | MetricRecord) -> bytes:
    return json.dumps(dict(record), sort_keys=True, default=bytes.hex).encode()


def _cast(values: NDArray[np.float32], dtype: str) -> NDArray[np.generic]:
    found = np.dtype(dtype)
    whole = np.issubdtype(found, np.integer) or np.issubdtype(found, np.bool_)
    return np.asarray(np.rint(values) if whole else values).astype(found)

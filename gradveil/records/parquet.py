"""Records as one Parquet table for analysis: every field a typed column, free-form objects unfolded."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from gradveil.exchange.files import write_atomically
from gradveil.records.record import Record, RecordError, from_json

Scalar = bool | int | float | str | None


def write_parquet(records: Sequence[Record], path: Path) -> None:
    """Write all records; what stands under the path is replaced.

    Fields keep their names and types (docs/records.md): strings, int64, float64, null. Objects such as
    `knobs` are JSON text, exactly as recorded, and each of their entries with values of one type is a column
    of its own besides, `OBJECT.NAME`.

    Raises:
        RecordError: there are no records, or pyarrow is missing.
        OSError: the file cannot be written.
    """
    arrow, parquet = _pyarrow()
    if not records:
        raise RecordError("there are no records to write; run `gradveil audit` first")
    kinds = _kinds()
    columns = {name: _column(arrow, name, kind, records) for name, kind in kinds.items()}
    for name in _objects(kinds):
        columns |= _unfolded(arrow, name, records)
    buffer = arrow.BufferOutputStream()
    parquet.write_table(arrow.table(columns), buffer, compression="zstd")
    write_atomically(path, buffer.getvalue().to_pybytes())


def read_parquet(path: Path) -> list[Record]:
    """The records of a file that `write_parquet` has written, in its order.

    Raises:
        RecordError: not such a file, a record breaks the rules of its schema, or pyarrow is missing.
    """
    arrow, parquet = _pyarrow()
    kinds = _kinds()
    try:
        rows = parquet.read_table(path, columns=list(kinds)).to_pylist()
        return [_record(row, _objects(kinds)) for row in rows]
    except (arrow.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise RecordError(f"{path} holds no records ({reason}); export the run again") from error


def _kinds() -> dict[str, type]:
    """Of each field of a record: str, int, float, or Mapping for an object."""
    hints = get_type_hints(Record)
    return {field.name: _plain(hints[field.name]) for field in fields(Record)}


def _plain(hint: Any) -> type:  # noqa: ANN401 -- an annotation
    if get_origin(hint) is Literal:
        return str
    if get_origin(hint) in (Union, UnionType):
        (hint,) = (one for one in get_args(hint) if one is not NoneType)
    kind: type = get_origin(hint) or hint
    return kind


def _objects(kinds: Mapping[str, type]) -> list[str]:
    return [name for name, kind in kinds.items() if kind is Mapping]


def _column(
    arrow: Any,  # noqa: ANN401 -- pyarrow is an extra
    name: str,
    kind: type,
    records: Iterable[Record],
) -> Any:  # noqa: ANN401
    values = [getattr(record, name) for record in records]
    if kind is Mapping:
        return arrow.array([json.dumps(value, allow_nan=False) for value in values], arrow.string())
    return arrow.array(values, {int: arrow.int64(), float: arrow.float64(), str: arrow.string()}[kind])


def _unfolded(arrow: Any, name: str, records: Sequence[Record]) -> dict[str, Any]:  # noqa: ANN401
    """One column an entry; entries that hold lists, objects or values of several types stay JSON alone."""
    objects = [getattr(record, name) for record in records]
    columns = {}
    for entry in sorted({entry for one in objects for entry in one}):
        values = [one.get(entry) for one in objects]
        if (kind := _kind(arrow, values)) is not None:
            columns[f"{name}.{entry}"] = arrow.array(values, kind)
    return columns


def _kind(arrow: Any, values: Iterable[Scalar]) -> Any:  # noqa: ANN401
    """The one type of all values but None; None if they have several, or none at all."""
    types = {type(value) for value in values if value is not None}
    if types and types <= {int, float}:
        return arrow.float64() if float in types else arrow.int64()
    if len(types) > 1:
        return None
    return {bool: arrow.bool_(), str: arrow.string()}.get(*types) if types else None


def _record(row: dict[str, Any], objects: Iterable[str]) -> Record:
    return from_json(json.dumps(row | {name: json.loads(row[name]) for name in objects}))


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise RecordError("Parquet needs pyarrow: pip install 'gradveil[parquet]'") from error
    return pyarrow, pyarrow.parquet

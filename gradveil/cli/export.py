"""`gradveil export`: the records of a run in other formats."""

from pathlib import Path
from typing import Annotated

import typer

from gradveil.cli.errors import UsageError
from gradveil.records import RecordStore
from gradveil.records.labels import reading_order
from gradveil.records.parquet import write_parquet


def export(
    run: Annotated[Path, typer.Argument(help="Folder of the run.")],
    parquet: Annotated[Path, typer.Option(help="File to write; needs the extra `parquet`.")],
) -> None:
    """Write the records of a run as one Parquet table, for pandas, Polars, DuckDB or R."""
    records = sorted(RecordStore(run).load(), key=reading_order)
    if not records:
        raise UsageError(f"{run} holds no records; run `gradveil audit` first")
    write_parquet(records, parquet)
    typer.echo(f"{len(records)} records: {parquet.resolve()}")

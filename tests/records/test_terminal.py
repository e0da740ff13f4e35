import io
from dataclasses import replace

import pytest
from rich.console import Console

from gradveil.records import summarise
from gradveil.records.columns import COLUMNS
from gradveil.records.terminal import tables


def shown(records, width=120):
    console = Console(file=io.StringIO(), width=width)
    for table in tables(summarise(records)):
        console.print(table)
    return console.file.getvalue()


@pytest.fixture
def records(record):
    settings = [
        ("identity", None, None),
        ("selective_ckks", "magnitude", 0.1),
        ("selective_ckks", "all", 1.0),
        ("secure_aggregation", None, None),
    ]
    return [
        replace(
            record, key=f"{m}{n}{a}", model=model, defense=d, strategy=s, ratio=r, attack=attack, psnr=140.0
        )
        for m, model in enumerate(("mlp", "lenet"))
        for n, (d, s, r) in enumerate(settings)
        for a, attack in enumerate(("mask_naive", "guess"))
    ]


def test_one_table_a_model_with_its_verdict(records):
    text = shown(records)
    assert text.count("higher leaks more") == 2
    assert text.count("adversary") == 2


def test_no_number_wraps_or_is_cut_at_120_columns(records):
    lines = shown(records).splitlines()
    row = next(line for line in lines if line.startswith("CKKS magnitude 10 %"))
    assert "140.0 [140.0, 140.0]" in row
    assert row.split()[-7:] == ["0.10", "31.0", "2.0", "1.0", "10.0", "2.0", "1e-08"]
    assert "\N{HORIZONTAL ELLIPSIS}" not in "".join(lines)


def test_a_name_is_not_read_as_markup(record):
    assert "[bold red]" in shown([replace(record, defense="[bold red]x", strategy=None)], width=160)


def test_failed_trials_are_mentioned(record):
    failed = replace(record, key="f", status="failed", error="x", psnr=None)
    assert "with their reasons: 1." in shown([record, failed], width=200)


def test_absent_numbers_are_dashes(record):
    failed = replace(record, status="failed", error="x", psnr=None, ratio_nonzero=None)
    (row,) = summarise([failed])
    cells = {column.heading: column.cell(row) for column in COLUMNS}
    assert {cells[name] for name in ("of non-zero", "worst", "SSIM", "up", "client", "guess")} == {
        "\N{EN DASH}"
    }

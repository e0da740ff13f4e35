"""Records as Parquet; without pyarrow installed (`make test-ray` has it), only the refusal is tested."""

import sys
from dataclasses import replace
from importlib.util import find_spec

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradveil.records import RecordError, RecordStore
from gradveil.records.parquet import read_parquet, write_parquet

needs_pyarrow = pytest.mark.skipif(find_spec("pyarrow") is None, reason="pyarrow is an extra")
DETERMINISTIC = settings(derandomize=True, deadline=None, database=None, max_examples=30)
values = (
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.floats(-1e9, 1e9)
    | st.text("ab", max_size=3)
)


@pytest.fixture
def several(record):
    return [
        replace(record, key="a0", knobs={"std": 0.5}, machine={"cores": 2, "gpu": None}),
        replace(record, key="a1", knobs={"clip": 1, "kind": "normal"}, psnr=None, status="failed", error="x"),
        replace(
            record, key="a2", knobs={"clip": 0.5}, seed=2**40, strategy=None, ratio=None, knows={"a": [1]}
        ),
    ]


@pytest.fixture
def table(several, tmp_path):
    import pyarrow.parquet

    write_parquet(several, tmp_path / "run.parquet")
    return pyarrow.parquet.read_table(tmp_path / "run.parquet")


def test_without_pyarrow_the_remedy_is_named(several, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(RecordError, match=r"pip install 'gradveil\[parquet\]'"):
        write_parquet(several, tmp_path / "run.parquet")
    assert not list(tmp_path.iterdir())


@needs_pyarrow
def test_records_come_back(several, tmp_path):
    write_parquet(several, tmp_path / "run.parquet")
    assert read_parquet(tmp_path / "run.parquet") == several


@needs_pyarrow
@DETERMINISTIC
@given(st.lists(st.dictionaries(st.text("xy", min_size=1, max_size=2), values), min_size=1, max_size=4))
def test_whatever_objects_hold_comes_back(record, tmp_path_factory, objects):
    path = tmp_path_factory.mktemp("parquet") / "run.parquet"
    records = [
        replace(record, key=f"{at:x}", knobs=each, knows={"nested": each, "list": [each]})
        for at, each in enumerate(objects)
    ]
    write_parquet(records, path)
    assert read_parquet(path) == records


@needs_pyarrow
def test_columns_have_the_types_of_the_fields(table):
    types = {name: str(table.schema.field(name).type) for name in table.column_names}
    expected = {
        **dict.fromkeys(("psnr", "ratio", "seconds_attack", "knobs.std", "knobs.clip"), "double"),
        **dict.fromkeys(("seed", "victim", "bytes_up", "train_steps", "machine.cores"), "int64"),
        **dict.fromkeys(("key", "status", "model", "knobs", "knows", "knobs.kind"), "string"),
    }
    assert {name: types[name] for name in expected} == expected
    assert table.column("knobs.clip").to_pylist() == [None, 1.0, 0.5]
    assert table.column("psnr").to_pylist() == [8.0, None, 8.0]


@needs_pyarrow
def test_what_has_no_one_type_stays_json_alone(table):
    assert "knows.a" not in table.column_names
    assert "machine.gpu" not in table.column_names
    assert table.column("knows").to_pylist()[2] == '{"a": [1]}'


@needs_pyarrow
@pytest.mark.parametrize("content", [b"", b"PAR1", b"not a table"])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "x.parquet").write_bytes(content)
    with pytest.raises(RecordError, match=r"x\.parquet holds no records"):
        read_parquet(tmp_path / "x.parquet")


@needs_pyarrow
def test_a_table_of_something_else_is_refused(tmp_path):
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.table({"colour": ["red"]}), tmp_path / "x.parquet")
    with pytest.raises(RecordError, match="holds no records"):
        read_parquet(tmp_path / "x.parquet")


def test_nothing_is_not_written(tmp_path):
    pytest.importorskip("pyarrow")
    with pytest.raises(RecordError, match="no records to write"):
        write_parquet([], tmp_path / "x.parquet")
    assert not (tmp_path / "x.parquet").exists()


@needs_pyarrow
def test_the_command_writes_a_run(several, tmp_path):
    from typer.testing import CliRunner

    from gradveil.cli.app import app

    store = RecordStore(tmp_path / "run")
    for each in several:
        store.append(each)
    target = tmp_path / "run.parquet"
    result = CliRunner().invoke(app, ["export", str(tmp_path / "run"), "--parquet", str(target)])
    assert (result.exit_code, result.output.startswith("3 records: ")) == (0, True)
    assert sorted(one.key for one in read_parquet(target)) == ["a0", "a1", "a2"]

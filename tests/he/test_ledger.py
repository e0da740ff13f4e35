import stat
from dataclasses import replace
from threading import Barrier, Thread

import pytest

from gradveil.exchange import wire
from gradveil.exchange.errors import WireError
from he import ledger as ledgers
from he.errors import CapacityError, ReplayError
from he.frames import peek
from he.ledger import Ledger
from tests.he.frames_under_attack import CONTEXT, aggregate

ENTRY_BYTES = 16 + 32 + 8 + 32 + 4


def header(contributors=None, body=None, **context):
    changed = {"context": replace(CONTEXT, **context)} | ({"body": body} if body else {})
    return peek(aggregate(contributors, **changed))


FIRST = header({"ann": 1, "bob": 1, "cid": 1})
DIFFERING = [
    header({"ann": 1, "bob": 1}),
    header({"ann": 1, "bob": 1, "cid": 1}, body=bytes(256)),
    header({"ann": 1, "bob": 1, "cid": 2}),
    header({"ann": 1, "bob": 1, "cid": 1}, selection=bytes(32)),
]
ELSEWHERE = [header(round=8), header(job=bytes(32)), header(key_id=bytes(16))]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "opened.ledger"


@pytest.fixture
def kept(path):
    ledger = Ledger(path)
    ledger.record(FIRST)
    return ledger


def entry(number=0):
    return bytes(16) + bytes(32) + number.to_bytes(8, "little") + bytes(32) + bytes(4)


def packed(entries):
    return wire.pack("he-ledger", 1, [b"".join(entries)])


def test_the_same_aggregate_passes_again():
    ledger = Ledger()
    ledger.record(FIRST)
    ledger.record(FIRST)
    assert len(ledger) == 1


@pytest.mark.parametrize("second", DIFFERING, ids=["clients", "values", "weights", "selection"])
def test_a_second_aggregate_of_a_round_is_refused(second):
    ledger = Ledger()
    ledger.record(FIRST)
    with pytest.raises(ReplayError, match=r"round 7 was opened as a sum over 3 clients.*subtraction"):
        ledger.record(second)
    ledger.record(FIRST)


def test_another_round_job_or_key_has_its_own_aggregate():
    ledger = Ledger()
    for place in (FIRST, *ELSEWHERE):
        ledger.record(place)
    assert len(ledger) == 4


def test_what_was_opened_survives_a_restart(kept, path):
    again = Ledger(path)
    again.record(FIRST)
    with pytest.raises(ReplayError):
        again.record(DIFFERING[0])
    again.record(ELSEWHERE[0])
    assert len(Ledger(path)) == 2


def test_only_its_owner_reads_the_file(kept, path):
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(path.read_bytes()) < 64 + ENTRY_BYTES


def test_a_repeated_or_refused_record_does_not_touch_the_file(kept, path):
    path.unlink()
    kept.record(FIRST)
    with pytest.raises(ReplayError):
        kept.record(DIFFERING[0])
    assert not path.exists()


def test_nothing_is_recorded_that_could_not_be_written(kept, monkeypatch):
    def full(*_args, **_kwargs):
        raise OSError("no space left")

    monkeypatch.setattr(ledgers, "write_atomically", full)
    with pytest.raises(OSError, match="no space"):
        kept.record(ELSEWHERE[0])
    assert len(kept) == 1


def test_the_number_of_rounds_is_bounded(path, monkeypatch):
    monkeypatch.setattr(ledgers, "MAX_ENTRIES", 1)
    ledger = Ledger(path)
    ledger.record(FIRST)
    with pytest.raises(CapacityError, match="start a new job"):
        ledger.record(ELSEWHERE[0])
    ledger.record(FIRST)
    path.write_bytes(packed(entry(number) for number in range(2)))
    with pytest.raises(WireError, match="exceed"):
        Ledger(path)


def test_the_largest_file_is_read(path):
    path.write_bytes(packed(entry(number) for number in range(ledgers.MAX_ENTRIES)))
    assert len(Ledger(path)) == ledgers.MAX_ENTRIES


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not decodable"),
        (packed([entry()])[:-1], "not decodable"),
        (packed([entry()]) + b"\0", "trailing"),
        (packed([entry()[1:]]), "half an entry"),
        (packed([entry(), entry()]), "a round twice"),
        (wire.pack("he-ledger", 2, [b""]), "upgrade"),
        (wire.pack("he-roster", 1, [b""]), "expected a he-ledger"),
    ],
)
def test_a_damaged_file_is_refused_and_kept(path, data, reason):
    path.write_bytes(data)
    with pytest.raises(WireError, match=f"{path.name} is damaged.*{reason}.*restore a backup"):
        Ledger(path)
    assert path.read_bytes() == data


def test_of_two_aggregates_at_one_time_one_is_opened(path):
    ledger, start, refused = Ledger(path), Barrier(4), []

    def open_one(aggregate):
        start.wait()
        try:
            ledger.record(aggregate)
        except ReplayError as error:
            refused.append(error)

    threads = [Thread(target=open_one, args=(one,)) for one in DIFFERING]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(ledger), len(refused)) == (1, 3)

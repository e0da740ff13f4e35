from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradveil.records import RecordError, RecordStore

DETERMINISTIC = settings(derandomize=True, deadline=None, database=None, max_examples=150)
IMAGES = np.linspace(0, 1, 2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5)


@pytest.fixture
def store(tmp_path):
    return RecordStore(tmp_path / "run")


@pytest.fixture
def three(record):
    return [replace(record, key=f"a{index}", victim=index) for index in range(3)]


def fill(store, records):
    for record in records:
        store.append(record)


def test_nothing_before_the_first_append(store):
    assert store.load() == []
    assert not store.path.exists()


def test_appended_records_come_back_in_order(store, three):
    fill(store, three)
    assert store.load() == three
    assert store.path.read_text() == "".join(f"{record.to_json()}\n" for record in three)


def test_a_refused_record_leaves_the_file_as_it_was(store, three):
    fill(store, three[:1])
    with pytest.raises(RecordError):
        store.append(replace(three[1], psnr=float("nan")))
    assert store.load() == three[:1]


@pytest.mark.parametrize("reopened", [False, True])
def test_a_repeated_key_is_refused(store, three, reopened):
    fill(store, three)
    again = RecordStore(store.path.parent) if reopened else store
    with pytest.raises(RecordError, match="key a1"):
        again.append(three[1])
    assert again.load() == three


def test_a_repeated_key_in_the_file_is_found(store, three):
    fill(store, three)
    store.path.write_text(store.path.read_text() + three[0].to_json() + "\n")
    with pytest.raises(RecordError, match=r"records\.jsonl:4: key a0"):
        store.load()


def test_a_crash_at_every_byte_loses_only_the_last_line(tmp_path, three):
    fill(RecordStore(tmp_path), three[:2])
    path = tmp_path / "records.jsonl"
    whole = path.read_bytes()
    start = whole.index(b"\n") + 1
    for end in range(start, len(whole)):
        path.write_bytes(whole[:end])
        store = RecordStore(tmp_path)
        assert store.load() == three[:1]
        assert path.read_bytes() == whole[:end], "reading must not write"
        store.append(three[2])
        assert store.load() == [three[0], three[2]]


def test_a_crash_in_the_first_line_leaves_an_empty_run(store, three):
    fill(store, three[:1])
    store.path.write_bytes(store.path.read_bytes()[:10])
    fresh = RecordStore(store.path.parent)
    assert fresh.load() == []
    fresh.append(three[0])
    assert fresh.load() == three[:1]


def test_a_write_that_fails_halfway_is_cut_off_by_the_next(store, three, monkeypatch):
    fill(store, three[:1])

    def no_space(_):
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("gradveil.records.store.os.fsync", no_space)
        with pytest.raises(OSError, match="no space"):
            store.append(three[1])
    store.path.write_bytes(store.path.read_bytes()[:-20])
    store.append(three[2])
    assert store.load() == [three[0], three[2]]


@pytest.mark.parametrize("damage", [b"{", b"", b"\xff\xfe", b"null"])
def test_damage_in_the_middle_is_named_by_file_and_line(store, three, damage):
    fill(store, three)
    lines = store.path.read_bytes().split(b"\n")
    lines[1] = damage
    store.path.write_bytes(b"\n".join(lines))
    with pytest.raises(RecordError, match=r"records\.jsonl:2: "):
        store.load()
    with pytest.raises(RecordError, match=r"records\.jsonl:2: "):
        RecordStore(store.path.parent).append(replace(three[0], key="ff"))


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_come_back(store, channels):
    truth, found = IMAGES[:, :channels], 1 - IMAGES[:, :channels]
    store.save_pictures("a0", truth, found)
    assert [path.name for path in store.pictures_path("a0").parent.iterdir()] == ["a0.npz"]
    loaded = store.load_pictures("a0")
    for expected, actual in zip((truth, found), loaded, strict=True):
        np.testing.assert_array_equal(actual, expected)
        assert actual.dtype == np.float32


@pytest.mark.parametrize(
    "found",
    [
        IMAGES.astype(np.float64),
        IMAGES[0],
        IMAGES[:, :2],
        IMAGES[:1],
        IMAGES[:0],
        IMAGES + np.float32(0.1),
        IMAGES - np.float32(0.1),
        np.full_like(IMAGES, np.nan),
    ],
    ids=["float64", "rank", "channels", "batch", "empty", "above", "below", "nan"],
)
def test_other_arrays_are_refused(store, found):
    with pytest.raises(RecordError, match="pictures a0"):
        store.save_pictures("a0", IMAGES, found)
    assert not store.pictures_path("a0").exists()


def test_missing_pictures_say_what_to_do(store):
    with pytest.raises(RecordError, match="run that trial again"):
        store.load_pictures("a0")


def test_pickles_are_never_loaded(store):
    store.save_pictures("a0", IMAGES, IMAGES)
    np.savez(store.pictures_path("a0"), truth=np.array([{}], dtype=object), found=IMAGES)
    with pytest.raises(RecordError, match="damaged"):
        store.load_pictures("a0")


def test_pictures_without_an_array_are_refused(store):
    store.save_pictures("a0", IMAGES, IMAGES)
    np.savez(store.pictures_path("a0"), truth=IMAGES)
    with pytest.raises(RecordError, match="damaged"):
        store.load_pictures("a0")


@pytest.fixture(scope="module")
def picture_file(tmp_path_factory):
    store = RecordStore(tmp_path_factory.mktemp("pictures"))
    store.save_pictures("a0", IMAGES, IMAGES)
    return store, store.pictures_path("a0").read_bytes()


@DETERMINISTIC
@given(st.data())
def test_a_flipped_byte_is_refused_or_harmless(picture_file, data):
    store, whole = picture_file
    at = data.draw(st.integers(0, len(whole) - 1))
    flip = data.draw(st.integers(1, 255))
    store.pictures_path("a0").write_bytes(whole[:at] + bytes([whole[at] ^ flip]) + whole[at + 1 :])
    try:
        truth, found = store.load_pictures("a0")
    except RecordError:
        return
    np.testing.assert_array_equal(truth, IMAGES)
    np.testing.assert_array_equal(found, IMAGES)


@DETERMINISTIC
@given(st.data())
def test_cut_pictures_are_refused(picture_file, data):
    store, whole = picture_file
    store.pictures_path("a0").write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(RecordError, match="damaged"):
        store.load_pictures("a0")

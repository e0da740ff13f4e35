"""An archive of images is a data set, or an error that says what is wrong with it; it is never unpickled."""

import io
import zipfile

import numpy as np
import pytest

from gradveil.data import load
from gradveil.data.dataset import MAX_IMAGES, DataError
from tests.shared_data import shared

IMAGES = np.arange(4 * 5 * 6 * 3, dtype=np.uint8).reshape(4, 5, 6, 3)
LABELS = np.array([0, 2, 1, 0])


@pytest.fixture
def path(tmp_path):
    return tmp_path / "made.npz"


def saved(path, **changes):
    """A sound archive but for the changes; None leaves an array out."""
    arrays = {"images": IMAGES, "labels": LABELS} | changes
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    return f"npz:{path}"


def npy(array):
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.asarray(array))
    return buffer.getvalue()


def zipped(path, compression=zipfile.ZIP_STORED, **members):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in ({"images": npy(IMAGES), "labels": npy(LABELS)} | members).items():
            archive.writestr(f"{name}.npy", data)
    return f"npz:{path}"


def header(descr, shape):
    """The start of a .npy file that announces an array and holds none."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": descr, "fortran_order": False, "shape": shape})
    return buffer.getvalue()


def test_colour_images_come_channels_first(path):
    found = load(saved(path))
    assert (found.name, found.input_shape, found.classes) == ("npz:made.npz", (3, 5, 6), 3)
    assert (found.images.dtype, found.labels.tolist()) == (np.float32, LABELS.tolist())
    np.testing.assert_allclose(found.images[2, 1, 3, 4], IMAGES[2, 3, 4, 1] / 255, rtol=1e-6)


def test_gray_images_get_one_channel(path):
    gray = load(saved(path, images=IMAGES[..., 0]))
    assert gray.input_shape == (1, 5, 6)
    np.testing.assert_allclose(gray.images[3, 0], IMAGES[3, :, :, 0] / 255, rtol=1e-6)


def test_names_decide_the_number_of_classes(path):
    assert load(saved(path, classes=np.array(["ant", "bee", "cow", "dog"]))).classes == 4


def test_compressed_archives_and_other_integers_are_read(path):
    np.savez_compressed(path, images=IMAGES, labels=LABELS.astype(np.uint8))
    assert load(f"npz:{path}").labels.tolist() == LABELS.tolist()


def test_a_larger_set_is_thinned_out_evenly(path):
    count = MAX_IMAGES + 5_000
    images = np.arange(count, dtype=np.uint16).view(np.uint8).reshape(count, 1, 2)
    found = load(saved(path, images=images, labels=np.arange(count) % 7))
    numbers = np.rint(found.images * 255).astype(int) @ [1, 256]
    assert len(found.images) == MAX_IMAGES
    assert set(np.diff(numbers.ravel()).tolist()) == {1, 2}
    assert numbers.ravel()[[0, -1]].tolist() == [0, count - 1]
    assert found.labels.tolist() == (numbers.ravel() % 7).tolist()


@pytest.mark.parametrize("name", ["images", "labels"])
def test_a_missing_array_is_named(path, name):
    with pytest.raises(DataError, match=f"has no array '{name}'"):
        load(saved(path, **{name: None}))


@pytest.mark.parametrize(
    "images",
    [
        IMAGES / 255.0,
        IMAGES.astype(np.int64),
        IMAGES[0, 0],
        IMAGES.reshape(4, 5, 3, 6),
        IMAGES[None],
        IMAGES[:0],
        IMAGES[:, :0],
    ],
    ids=["float", "int64", "flat", "six-channels", "5d", "none", "empty"],
)
def test_images_of_another_kind_are_refused(path, images):
    with pytest.raises(DataError, match=r"images are .*; need uint8"):
        load(saved(path, images=images, labels=np.zeros(len(images), dtype=int)))


@pytest.mark.parametrize("labels", [LABELS / 2, LABELS[:3], LABELS[:, None], LABELS.astype(str), LABELS > 0])
def test_labels_of_another_kind_are_refused(path, labels):
    with pytest.raises(DataError, match=r"labels are .*; need one integer"):
        load(saved(path, labels=labels))


@pytest.mark.parametrize("label", [-1, 100_000, 2**63 - 1])
def test_labels_of_no_class_are_refused(path, label):
    with pytest.raises(DataError, match=r"labels must lie in 0 .. 99999; renumber"):
        load(saved(path, labels=np.array([0, 0, 0, label])))


def test_labels_need_a_name_if_there_are_names(path):
    with pytest.raises(DataError, match=r"labels must lie in 0 .. 1"):
        load(saved(path, classes=np.array(["ant", "bee"])))


@pytest.mark.parametrize("classes", [np.array(3), np.arange(3), np.array([["ant", "bee", "cow"]])])
def test_classes_are_a_row_of_names(path, classes):
    with pytest.raises(DataError, match=r"classes are .*; need one row of names"):
        load(saved(path, classes=classes))


@pytest.mark.parametrize("name", ["images", "labels", "classes"])
def test_pickles_are_not_opened(path, name):
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.array([print, None], dtype=object))
    with pytest.raises(DataError, match=r"no readable .npz .*allow_pickle"):
        load(zipped(path, **{name: buffer.getvalue()}))


@pytest.mark.parametrize("keep", [0, 1, 40, 0.3, 0.9, -1])
def test_a_truncated_file_is_refused(path, keep):
    saved(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep * len(whole)) if isinstance(keep, float) else keep])
    with pytest.raises(DataError, match=r"made.npz is no readable .npz \(.*; write it with np.savez"):
        load(f"npz:{path}")


def test_every_damaged_byte_is_noticed_or_harmless(path):
    """Whatever a byte is turned into, the set is the same or refused."""
    sound = load(saved(path))
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            found = load(f"npz:{path}")
        except DataError:
            continue
        assert np.array_equal(found.images, sound.images), place


@pytest.mark.parametrize(
    ("descr", "shape"),
    [("|u1", (10**15, 3, 3, 3)), ("|u1", (2**40, 2**40, 3)), ("<U0", (10**15,)), ("<U1000000", (10**6,))],
)
def test_a_header_cannot_announce_more_than_the_file_holds(path, descr, shape):
    with pytest.raises(DataError, match="announces more than the file holds"):
        load(zipped(path, images=header(descr, shape)))


def test_an_array_shorter_than_its_header_is_refused(path):
    with pytest.raises(DataError, match=r"no readable .npz"):
        load(zipped(path, images=npy(IMAGES)[:-100]))


def test_an_archive_that_unpacks_to_too_much_is_refused_before_it_is_unpacked(path, monkeypatch):
    monkeypatch.setattr("gradveil.data.npz._MAX_BYTES", 10_000)
    bomb = npy(np.zeros((4, 100, 100), np.uint8))
    with pytest.raises(DataError, match="'images' exceeds 10000 bytes; split"):
        load(zipped(path, zipfile.ZIP_DEFLATED, images=bomb))
    assert path.stat().st_size < 2_000


def test_an_unknown_version_of_the_array_format_is_refused(path):
    with pytest.raises(DataError, match=r"version \(9, 0\)"):
        load(zipped(path, images=b"\x93NUMPY\x09\x00" + npy(IMAGES)[8:]))


@pytest.mark.parametrize("what", ["missing", "folder", "text"])
def test_what_is_no_archive_is_named(tmp_path, what):
    path = tmp_path / what
    if what == "folder":
        path.mkdir()
    if what == "text":
        path.write_text("images, labels")
    with pytest.raises(DataError, match=f"{what} is no readable .npz"):
        load(f"npz:{path}")


def test_cifar10_as_shared():
    found = load(f"npz:{shared('cifar10_test_2k.npz')}")
    assert (found.images.shape, found.classes) == ((2000, 3, 32, 32), 10)
    assert np.bincount(found.labels).tolist() == [200] * 10

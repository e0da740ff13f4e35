"""Every source gives images in [0, 1], or an error that says which file or name is wrong."""

import numpy as np
import pytest
from PIL import Image

from gradveil.data import load
from gradveil.data.dataset import DataError
from gradveil.data.sources import FOLDER_SIZE
from gradveil.torchvision_ops import define_missing_ops


def one_class(path, image, name="0.png"):
    """A folder with one class of one image."""
    (path / "a").mkdir()
    image.save(path / "a" / name)
    return path


def test_mnist5k_is_5000_digits_of_ten_classes():
    digits = load("mnist5k")
    assert (digits.images.shape, digits.images.dtype) == ((5000, 1, 28, 28), np.float32)
    assert (digits.images.min(), digits.images.max()) == (0.0, 1.0)
    assert np.bincount(digits.labels).tolist() == [500] * 10
    assert digits.classes == 10


def test_a_folder_gives_one_class_for_each_subfolder(folder):
    pets = load(str(folder))
    assert (pets.name, pets.classes, pets.labels.tolist()) == ("folder:pets", 2, [0, 0, 1, 1])
    assert pets.images.shape == (4, 3, FOLDER_SIZE, FOLDER_SIZE)
    np.testing.assert_allclose(pets.images.mean((1, 2, 3)), np.array([0, 60, 120, 180]) / 255, atol=1e-6)


def test_channels_of_a_colour_image_keep_their_order(tmp_path):
    colour = load(str(one_class(tmp_path, Image.new("RGB", (32, 32), (255, 128, 0)))))
    np.testing.assert_allclose(colour.images[0, :, 0, 0], np.array([255, 128, 0]) / 255, atol=1e-6)


@pytest.mark.parametrize(("mode", "value"), [("L", 128), ("1", 1), ("RGBA", (9, 9, 9, 255)), ("P", 0)])
def test_every_kind_of_image_gets_three_channels(tmp_path, mode, value):
    found = load(str(one_class(tmp_path, Image.new(mode, (40, 50), value))))
    assert found.images.shape == (1, 3, FOLDER_SIZE, FOLDER_SIZE)


def test_images_of_several_sizes_are_brought_to_one(tmp_path):
    one_class(tmp_path, Image.new("L", (20, 90)))
    Image.new("L", (64, 48)).save(tmp_path / "a" / "1.png")
    assert load(str(tmp_path)).images.shape == (2, 3, FOLDER_SIZE, FOLDER_SIZE)


@pytest.mark.parametrize("damage", ["text", "truncated", "empty"])
def test_a_broken_file_is_named(folder, damage):
    path = folder / "dog" / "1.png"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(path)
    whole = path.read_bytes()
    path.write_bytes({"text": b"no image", "truncated": whole[: len(whole) // 2], "empty": b""}[damage])
    with pytest.raises(DataError, match=r"dog/1\.png is not a readable image"):
        load(str(folder))


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(DataError, match=r"no data folder '.*nowhere'"):
        load(str(tmp_path / "nowhere"))


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="no data folder"):
        load(str(tmp_path / "file"))


@pytest.mark.parametrize("subfolder", [".", "a"])
def test_a_folder_without_images_is_refused(tmp_path, subfolder):
    (tmp_path / subfolder).mkdir(exist_ok=True)
    with pytest.raises(DataError, match="put images into each class folder"):
        load(str(tmp_path))


@pytest.mark.parametrize(
    "source", ["torchvision:", "torchvision:CIFAR10", "torchvision:CIFAR10:", "torchvision:NoSuchSet:/data"]
)
def test_an_incomplete_torchvision_name_is_refused(source):
    with pytest.raises(DataError, match="is not torchvision:CLASS:ROOT"):
        load(source)


@pytest.mark.parametrize("name", ["CIFAR10", "MNIST", "ImageFolder", "EMNIST", "utils"])
def test_torchvision_without_its_files_is_refused(name, tmp_path):
    with pytest.raises(DataError, match=f"torchvision:{name}"):
        load(f"torchvision:{name}:{tmp_path / 'nothing'}")


def test_torchvision_classes_that_take_no_root_are_refused(tmp_path):
    with pytest.raises(DataError):
        load(f"torchvision:FakeData:{tmp_path}")


def test_torchvision_images_of_several_sizes_are_refused(folder):
    Image.new("L", (9, 9)).save(folder / "dog" / "9.png")
    with pytest.raises(DataError):
        load(f"torchvision:ImageFolder:{folder}")


@pytest.fixture
def torchvision_datasets():
    define_missing_ops()
    from torchvision import datasets

    return datasets


def test_a_torchvision_class_is_loaded_from_its_root(folder):
    pets = load(f"torchvision:ImageFolder:{folder}")
    assert pets.images.shape == (4, 3, 32, 40)
    assert pets.labels.tolist() == [0, 0, 1, 1]


def test_a_torchvision_class_without_names_of_classes_is_loaded(folder, torchvision_datasets, monkeypatch):
    class Nameless(torchvision_datasets.ImageFolder):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            del self.classes

    monkeypatch.setattr(torchvision_datasets, "Nameless", Nameless, raising=False)
    assert load(f"torchvision:Nameless:{folder}").classes == 2

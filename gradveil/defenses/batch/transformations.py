"""The transformations that ATS puts its policies together from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

Picture = Image.Image
Operation = Callable[[Picture, float], Picture]
"""An image of 8 bits, and how much: slope, share of the width, degrees, gain over one, bits, or threshold."""

_GRAY = 128


def _shear_x(image: Picture, slope: float) -> Picture:
    matrix = (1, slope, 0, 0, 1, 0)
    return image.transform(image.size, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)


def _shear_y(image: Picture, slope: float) -> Picture:
    matrix = (1, 0, 0, slope, 1, 0)
    return image.transform(image.size, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)


def _translate_x(image: Picture, share: float) -> Picture:
    return image.transform(image.size, Image.Transform.AFFINE, (1, 0, share * image.width, 0, 1, 0))


def _translate_y(image: Picture, share: float) -> Picture:
    return image.transform(image.size, Image.Transform.AFFINE, (1, 0, 0, 0, 1, share * image.height))


def _rotate(image: Picture, degrees: float) -> Picture:
    fill = _GRAY if image.mode == "L" else (_GRAY,) * 3
    return image.rotate(degrees, fillcolor=fill)


@dataclass(frozen=True)
class _Kind:
    """An operation, its range from level 0 to 9, and whether its direction is drawn."""

    operation: Operation
    first: float = 0.0
    last: float = 0.0
    either_way: bool = False
    whole: bool = False


_KINDS: Mapping[str, _Kind] = {
    "shearX": _Kind(_shear_x, 0.0, 0.3, either_way=True),
    "shearY": _Kind(_shear_y, 0.0, 0.3, either_way=True),
    "translateX": _Kind(_translate_x, 0.0, 150 / 331, either_way=True),
    "translateY": _Kind(_translate_y, 0.0, 150 / 331, either_way=True),
    "rotate": _Kind(_rotate, 0.0, 30.0),
    "color": _Kind(lambda image, gain: ImageEnhance.Color(image).enhance(1 + gain), 0.0, 0.5, True),
    "contrast": _Kind(lambda image, gain: ImageEnhance.Contrast(image).enhance(1 + gain), 0.0, 0.5, True),
    "sharpness": _Kind(lambda image, gain: ImageEnhance.Sharpness(image).enhance(1 + gain), 0.0, 0.5, True),
    "brightness": _Kind(lambda image, gain: ImageEnhance.Brightness(image).enhance(1 + gain), 0.0, 0.5, True),
    "posterize": _Kind(lambda image, bits: ImageOps.posterize(image, int(bits)), 8.0, 4.0, whole=True),
    "solarize": _Kind(lambda image, least: ImageOps.solarize(image, int(np.ceil(least))), 256.0, 0.0),
    "autocontrast": _Kind(lambda image, _: ImageOps.autocontrast(image)),
    "equalize": _Kind(lambda image, _: ImageOps.equalize(image)),
    "invert": _Kind(lambda image, _: ImageOps.invert(image)),
}


@dataclass(frozen=True)
class Transformation:
    """One operation at one of ten levels.

    Attributes:
        kind: of the operation.
        level: 0 to 9; those without a strength ignore it.
    """

    kind: str
    level: int

    @property
    def strength(self) -> float:
        """In the operation's own unit."""
        kind = _KINDS[self.kind]
        strength = float(np.linspace(kind.first, kind.last, 10)[self.level])
        return float(np.round(strength)) if kind.whole else strength

    def __call__(self, image: Picture, backwards: bool) -> Picture:
        """A grayscale or colour image of 8 bits, transformed.

        Args:
            image: of mode `L` or `RGB`.
            backwards: whether shears, shifts and gains go the other way.
        """
        kind = _KINDS[self.kind]
        return kind.operation(image, -self.strength if backwards and kind.either_way else self.strength)


def _library(listed: str) -> tuple[Transformation, ...]:
    return tuple(
        Transformation(kind, int(level)) for kind, level in (one.split(":") for one in listed.split())
    )


LIBRARY = _library(
    "invert:7 contrast:6 rotate:2 translateX:9 sharpness:1 sharpness:3 shearY:2 translateY:2 autocontrast:5 "
    "equalize:2 shearY:5 posterize:5 color:3 brightness:5 sharpness:9 brightness:9 equalize:5 equalize:1 "
    "contrast:7 sharpness:5 color:5 translateX:5 equalize:7 autocontrast:8 translateY:3 sharpness:6 "
    "brightness:6 color:8 solarize:0 invert:0 equalize:0 autocontrast:0 equalize:8 equalize:4 color:5 "
    "equalize:5 autocontrast:4 solarize:4 brightness:3 color:0 solarize:1 autocontrast:0 translateY:3 "
    "translateY:3 autocontrast:1 solarize:1 equalize:5 invert:0 translateY:3 autocontrast:1"
)
"""The 50 transformations in the order in which policies number them, from 0.

Source: Gao et al. 2021 (CVPR), section 5.1; order, ranges and fills as in the authors' code
    (gaow0007/ATSPrivacy, `policy.py` and `autoaugment.py`), after Cubuk et al. 2019 (CVPR, AutoAugment).
"""

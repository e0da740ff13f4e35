"""Images as PNG files."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def png_bytes(image: NDArray[np.float32]) -> bytes:
    """A PNG of an image (1 or 3, H, W) in [0, 1], at its own size."""
    pixels = np.rint(np.moveaxis(image, 0, -1) * 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels).save(buffer, "PNG")
    return buffer.getvalue()

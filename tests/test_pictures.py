"""Pictures show what the arrays hold, to the nearest of 256 steps."""

import io

import numpy as np
import pytest
from PIL import Image

from gradveil.pictures import png_bytes


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB")])
def test_a_png_keeps_every_pixel(channels, mode):
    steps = np.arange(channels * 4 * 5).reshape(channels, 4, 5)
    found = Image.open(io.BytesIO(png_bytes((steps / 255).astype(np.float32))))
    assert (found.mode, found.size) == (mode, (5, 4))
    np.testing.assert_array_equal(np.asarray(found).reshape(4, 5, channels), np.moveaxis(steps, 0, -1))

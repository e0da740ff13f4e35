"""What images are made of: their pixels, or a point in a generator's latent space."""

from attacks.canvas.base import Canvas
from attacks.canvas.given import GivenPixels
from attacks.canvas.latent import Latent, LinearGenerator, principal_images
from attacks.canvas.pixels import Pixels

__all__ = ["Canvas", "GivenPixels", "Latent", "LinearGenerator", "Pixels", "principal_images"]

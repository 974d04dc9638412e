"""Images and clouds to try things on, and ways to spoil them."""

from skwass.datasets._corruptions import CORRUPTIONS, corrupt_images
from skwass.datasets._digit_clouds import load_digit_clouds
from skwass.datasets._image_sets import load_image_set

__all__ = [
    "CORRUPTIONS",
    "corrupt_images",
    "load_digit_clouds",
    "load_image_set",
]

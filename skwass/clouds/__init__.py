"""What a point cloud is, and every way to make one."""

from skwass.clouds._container import PointClouds
from skwass.clouds._converters import HistogramToCloud, ImageToCloud
from skwass.clouds._niches import NicheClouds
from skwass.clouds._validation import as_point_clouds, validate_clouds

__all__ = [
    "HistogramToCloud",
    "ImageToCloud",
    "NicheClouds",
    "PointClouds",
    "as_point_clouds",
    "validate_clouds",
]

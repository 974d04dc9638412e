"""Images with what belongs to each beneath, drawn on one pair of axes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
#: left and upper end, width and height
Box = tuple[float, float, float, float]

_INK, _FRAME = "#444444", "#bbbbbb"
# in units of the longer side of a picture
_GAP = 0.08  # between pictures
_BETWEEN = 0.42  # between bands, where labels are
_LEAST = 0.3  # height or width of pictures that are strips
_BAR = 0.07  # width of a bar of colours
_UPRIGHT = 0.8  # height from which on words beside pictures are turned
_ROOM, _ROOM_OF_STRIPS = (0.3, 0.8), (0.8, 1.4)  # for words on the left and right
_HIGH = 0.18  # letters at most
#: points: size of words where there is room, at least, and width of a letter in sizes
_LARGE, _SMALL, _LETTER = 8.5, 4.0, 0.6
_INCH = 1.05  # of that side


class Row(NamedTuple):
    """One kind of pictures.

    Parameters
    ----------
    name : str
        What they are.
    pictures : ndarray of shape (n_images, ...)
        One for each image.
    colours : str
        Name of a map of colours.
    limits : tuple of two floats
        What its ends stand for.
    unit : str or None
        What is written beside the bar of colours; None draws none.
    """

    name: str
    pictures: Array
    colours: str
    limits: tuple[float, float]
    unit: str | None


@dataclass
class Panels:
    """What was drawn."""

    pictures: list[list[Any]] = field(default_factory=list)
    labels: list[Any] = field(default_factory=list)
    bars: list[Any] = field(default_factory=list)


@dataclass(frozen=True)
class Layout:
    """Where pictures go: a column for each image, in bands if there are many.

    Attributes
    ----------
    n_images, n_rows, n_columns : int
        Images, kinds of pictures, and images side by side at most.
    size : tuple of two floats
        Width and height of a picture.
    """

    n_images: int
    n_rows: int
    n_columns: int
    size: tuple[float, float]

    @classmethod
    def of(cls, rows: list[Row], n_columns: int) -> Layout:
        """Make room for so many rows of pictures, all as the first."""
        n_images, height, width = rows[0].pictures.shape[:3]
        side = max(height, width)
        size = max(width / side, _LEAST), max(height / side, _LEAST)
        return cls(n_images, len(rows), min(n_columns, n_images), size)

    @property
    def extent(self) -> tuple[float, float]:
        """Width and height of everything."""
        bands = -(-self.n_images // self.n_columns)
        return (
            self.n_columns * (self.size[0] + _GAP) - _GAP,
            bands * (self._band + _BETWEEN) - _BETWEEN,
        )

    @property
    def limits(self) -> tuple[float, float, float, float]:
        """Left, right, lower and upper end of pictures with their words."""
        is_strip = self.size[1] < _UPRIGHT
        width, height = self.extent
        left, right = _ROOM_OF_STRIPS if is_strip else _ROOM
        return -left, width + right, height + _GAP, -_BETWEEN + _GAP

    @property
    def inches(self) -> tuple[float, float]:
        """Size of a figure for it."""
        left, right, lower, upper = self.limits
        return _INCH * (right - left), _INCH * (lower - upper)

    def box(self, image: int, row: int) -> Box:
        """Where a picture goes; y grows downward."""
        band, column = divmod(image, self.n_columns)
        return (
            column * (self.size[0] + _GAP),
            band * (self._band + _BETWEEN) + row * (self.size[1] + _GAP),
            *self.size,
        )

    def box_of_bar(self, row: int) -> Box:
        """Where a bar of colours goes, on the right of all pictures."""
        _, y, _, height = self.box(0, row)
        return self.extent[0] + _GAP, y, _BAR, height

    @property
    def _band(self) -> float:
        return self.n_rows * (self.size[1] + _GAP) - _GAP


def draw_panels(
    ax: Any, rows: list[Row], labels: list[str] | None, layout: Layout
) -> Panels:
    """Draw rows of pictures: names on the left, bars of colours on the right."""
    # words have room within the axes, so no layout makes pictures smaller afterwards
    left, right, lower, upper = layout.limits
    ax.set(xlim=(left, right), ylim=(lower, upper), aspect="equal")
    ax.axis("off")
    drawn = Panels()
    # one size for all names and units, which are turned if pictures are high enough
    room = max(layout.size[1], _UPRIGHT)
    size = min(
        _fitting(ax, words, room)
        for row in rows
        for words in (row.name, row.unit)
        if words
    )
    for number, row in enumerate(rows):
        artists = []
        for image, picture in enumerate(row.pictures):
            artists.append(_draw_picture(ax, picture, row, layout.box(image, number)))
            if image % layout.n_columns == 0:
                _write_name(ax, row.name, size, layout.box(image, number))
        drawn.pictures.append(artists)
        if row.unit is not None:
            box = layout.box_of_bar(number)
            drawn.bars.append(_draw_bar(ax, artists[0], row.unit, size, box))
    if labels:
        boxes = [layout.box(image, 0) for image in range(len(labels))]
        room = boxes[0][2] + _GAP / 2
        size = min(_fitting(ax, label, room) for label in labels)
        drawn.labels = [
            _write(ax, x + width / 2, y - _GAP / 2, label, size, "center", "bottom")
            for label, (x, y, width, _) in zip(labels, boxes, strict=True)
        ]
    return drawn


def _draw_picture(ax: Any, picture: Array, row: Row, box: Box) -> Any:
    from matplotlib.patches import Rectangle

    x, y, width, height = box
    least, most = row.limits
    artist = ax.imshow(
        picture,
        cmap=row.colours,
        vmin=least,
        vmax=most,
        extent=(x, x + width, y + height, y),
        interpolation="nearest",
    )
    frame = Rectangle((x, y), width, height, fill=False, linewidth=0.6, clip_on=False)
    frame.set_edgecolor(_FRAME)
    ax.add_patch(frame)
    return artist


def _draw_bar(ax: Any, artist: Any, unit: str, size: float, box: Box) -> Any:
    inset = ax.inset_axes(box, transform=ax.transData)
    bar = ax.figure.colorbar(artist, cax=inset)
    bar.outline.set_edgecolor(_FRAME)
    bar.set_label(unit, color=_INK, fontsize=size)
    if box[3] < _UPRIGHT:
        inset.yaxis.label.set(rotation=0, ha="left", va="center")
    inset.tick_params(labelsize=0.85 * size, color=_FRAME, labelcolor=_INK)
    inset.locator_params(nbins=4)
    return bar


def _write_name(ax: Any, name: str, size: float, box: Box) -> None:
    x, y, _, height = box
    text = _write(ax, x - _GAP, y + height / 2, name, size, "right", "center")
    text.set_rotation(90 if height >= _UPRIGHT else 0)


def _write(
    ax: Any, x: float, y: float, words: str, size: float, across: str, up: str
) -> Any:
    return ax.text(x, y, words, color=_INK, fontsize=size, ha=across, va=up)


def _fitting(ax: Any, words: str, room: float) -> float:
    """Size of letters for words that have so much room, in units of the axes."""
    ax.apply_aspect()
    (left, _), (right, _) = ax.transData.transform([(0, 0), (room, 0)])
    points = (right - left) / ax.figure.dpi * 72
    across = points / (_LETTER * max(len(words), 1))
    return float(np.clip(min(across, _HIGH * points / room), _SMALL, _LARGE))

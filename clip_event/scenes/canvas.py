"""A square picture in stage units, with boxes around what is drawn on it.

The stage is 100 by 100 with x to the right and y down, whatever the size of the picture. It is drawn two or more times
as large and then made small, which smooths the edges.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import ceil, floor

from PIL import Image, ImageDraw

Point = tuple[float, float]
Colour = tuple[int, int, int]
Box = list[int]
"""x0, y0, x1, y1 in pixels of the picture; x1 and y1 are the first outside."""

INK: Colour = (28, 26, 32)
FINE = 192
"""Pixels that are drawn at least, so that small pictures are smooth as well."""


class Canvas:
    """What a scene is drawn on.

    Args:
        size: pixels of the picture's side.
        zoom: 1 shows the whole stage; more shows less of it, larger.
        shift: by how much the picture is moved, in stage units.
        mirrored: left and right exchanged.
    """

    def __init__(self, size: int, *, zoom: float = 1, shift: Point = (0, 0), mirrored: bool = False) -> None:
        self.size = size
        self.factor = max(2, ceil(FINE / size))
        self.scale = size * self.factor / 100 * zoom
        side = -1 if mirrored else 1
        middle = size * self.factor / 100
        self._x = (side * self.scale, middle * (50 + side * (shift[0] - 50 * zoom)))
        self._y = (self.scale, middle * (50 + shift[1] - 50 * zoom))
        self._image = Image.new("RGB", (size * self.factor,) * 2)
        self._draw = ImageDraw.Draw(self._image)
        self._extents: list[list[float]] = []

    def image(self) -> Image.Image:
        """The picture in its size."""
        return self._image.reduce(self.factor)

    def polygon(self, points: Sequence[Point], fill: Colour, edge: Colour | None = INK) -> None:
        self._draw.polygon(self._on_image(points), fill=fill, outline=edge)

    def line(self, points: Sequence[Point], width: float, fill: Colour, edge: Colour | None = INK) -> None:
        """A line with round ends and bends."""
        on_image = self._on_image(points, width / 2)
        passes = [(width * self.scale, fill)]
        if edge:
            passes.insert(0, (width * self.scale + 2, edge))
        for wide, colour in passes:
            self._draw.line(on_image, fill=colour, width=max(1, round(wide)))
            if wide >= 3:
                r = wide / 2
                for x, y in on_image:
                    self._draw.ellipse((x - r, y - r, x + r, y + r), fill=colour)

    def disc(self, centre: Point, radius: float, fill: Colour, edge: Colour | None = INK) -> None:
        self.oval(centre, radius, radius, fill, edge)

    def oval(self, centre: Point, width: float, height: float, fill: Colour, edge: Colour | None = INK) -> None:
        """An ellipse given by half its width and height."""
        x, y = centre
        (x0, y0), (x1, y1) = self._on_image([(x - width, y - height), (x + width, y + height)])
        self._draw.ellipse((min(x0, x1), y0, max(x0, x1), y1), fill=fill, outline=edge)

    def rectangle(self, x0: float, y0: float, x1: float, y1: float, fill: Colour, edge: Colour | None = None) -> None:
        (a, b), (c, d) = self._on_image([(x0, y0), (x1, y1)])
        self._draw.rectangle((min(a, c), b, max(a, c), d), fill=fill, outline=edge)

    @contextmanager
    def boxed(self) -> Iterator[Box]:
        """A box that holds, afterwards, what was drawn meanwhile, as far as it lies in the picture."""
        extent = [float("inf"), float("inf"), float("-inf"), float("-inf")]
        self._extents.append(extent)
        box: Box = []
        yield box
        self._extents.pop()
        x0, y0, x1, y1 = (value / self.factor for value in extent)
        box += [max(0, floor(x0)), max(0, floor(y0)), min(self.size, ceil(x1)), min(self.size, ceil(y1))]

    def row(self, y: float) -> int:
        """The row of the picture at a height of the stage."""
        return round((self._y[0] * y + self._y[1]) / self.factor)

    def _on_image(self, points: Sequence[Point], margin: float = 0) -> list[Point]:
        (ax, bx), (ay, by) = self._x, self._y
        on_image = [(ax * x + bx, ay * y + by) for x, y in points]
        if self._extents:
            margin *= self.scale
            xs, ys = [x for x, _ in on_image], [y for _, y in on_image]
            here = (min(xs) - margin, min(ys) - margin, max(xs) + margin, max(ys) + margin)
            for extent in self._extents:
                extent[:] = (*map(min, extent[:2], here[:2]), *map(max, extent[2:], here[2:]))
        return on_image


def between(a: Point, b: Point, share: float) -> Point:
    """The point that lies `share` of the way from `a` to `b`."""
    return a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share


def darker(colour: Colour, share: float = 0.8) -> Colour:
    """The colour with `share` of its light."""
    r, g, b = colour
    return round(r * share), round(g * share), round(b * share)

"""What is worn on the head: each function gives a painter for `Dress.over`. 1 is the radius of the head."""

from clip_event.scenes.body import HEAD, Body, Painter, layered
from clip_event.scenes.canvas import INK, Canvas, Colour, Point

DOME: tuple[Point, ...] = (
    (-1.12, 0.3),
    (-1.05, 0.75),
    (-0.65, 1.15),
    (0, 1.28),
    (0.6, 1.12),
    (0.98, 0.75),
    (1.08, 0.3),
)


def _shape(colour: Colour, *points: Point, edge: Colour | None = INK) -> Painter:
    def paint(canvas: Canvas, body: Body) -> None:
        canvas.polygon(body.skull.all(*points), body.dyed(colour), edge)

    return paint


def _discs(colour: Colour, radius: float, *points: Point, edge: Colour | None = INK) -> Painter:
    def paint(canvas: Canvas, body: Body) -> None:
        for point in points:
            canvas.disc(body.skull.at(*point), radius * HEAD * body.spot.height, colour, edge)

    return paint


def peaked_cap(colour: Colour, band: Colour) -> Painter:
    return layered(
        _shape(colour, (-1, 0.5), (-1.4, 1.2), (0.3, 1.5), (1.4, 1.25), (1, 0.5)),
        _shape(band, (-1.05, 0.4), (-1.12, 0.72), (1.12, 0.72), (1.05, 0.4), edge=None),
        _shape(INK, (0.6, 0.5), (1.75, 0.25), (1.1, 0.6)),
    )


def helmet(colour: Colour) -> Painter:
    return layered(
        _shape(colour, (-1.35, 0.05), *DOME[1:-1], (1.35, 0.25)),
        _shape(INK, (-0.25, 0.2), (-0.1, 0.2), (0.45, -0.85), (0.3, -0.85), edge=None),
    )


def round_cap(colour: Colour) -> Painter:
    return _shape(colour, *DOME)


def nurse_cap(colour: Colour, cross: Colour) -> Painter:
    return layered(
        _shape(colour, (-0.85, 0.65), (-1.05, 1.5), (1.05, 1.5), (0.85, 0.65)),
        _shape(cross, (-0.16, 0.72), (-0.16, 1.42), (0.16, 1.42), (0.16, 0.72), edge=None),
        _shape(cross, (-0.4, 0.95), (-0.4, 1.2), (0.4, 1.2), (0.4, 0.95), edge=None),
    )


def fire_helmet(colour: Colour, badge: Colour) -> Painter:
    return layered(
        _shape(colour, (-1.9, 0), (-1.1, 0.55), *DOME[1:], (1.6, 0.25), (0.9, 0.25), (-1.1, 0.3)),
        _shape(badge, (0.5, 0.4), (0.5, 1.05), (1, 0.8), (1, 0.4)),
    )


def hard_hat(colour: Colour) -> Painter:
    return layered(_shape(colour, *DOME), _shape(colour, (-1.2, 0.25), (-1.2, 0.45), (1.7, 0.45), (1.6, 0.2)))


def biretta(colour: Colour) -> Painter:
    return _shape(colour, (-0.95, 0.5), (-1.15, 1.3), (0, 1.2), (1.15, 1.3), (0.95, 0.5))


def wig(colour: Colour) -> Painter:
    return _discs(
        colour, 0.5, (0.65, 0.75), (0.1, 1), (-0.5, 0.85), (-0.85, 0.35), (-0.9, -0.25), (-0.85, -0.85), (-0.6, -1.35)
    )


def straw(colour: Colour) -> Painter:
    return layered(
        _shape(colour, (-0.95, 0.5), (-0.8, 1.35), (0.8, 1.35), (0.95, 0.5)),
        _shape(colour, (-2.1, 0.4), (-1.9, 0.62), (1.9, 0.72), (2.1, 0.45), (0, 0.3)),
        _shape((120, 70, 40), (-0.93, 0.62), (-0.9, 0.82), (0.9, 0.82), (0.93, 0.66), edge=None),
    )


def toque(colour: Colour) -> Painter:
    return layered(
        _discs(colour, 0.62, (-0.65, 1.75), (0, 2), (0.65, 1.75)),
        _shape(colour, (-0.9, 0.5), (-1.05, 1.8), (1.05, 1.8), (0.9, 0.5), edge=None),
        _shape((190, 190, 190), (-0.9, 0.5), (-0.93, 0.75), (0.93, 0.75), (0.9, 0.5)),
    )


def sailor_cap(colour: Colour, band: Colour) -> Painter:
    return layered(
        _shape(colour, (-1.05, 0.6), (-1.5, 1), (-1, 1.25), (1, 1.25), (1.5, 1), (1.05, 0.6)),
        _shape(band, (-1.05, 0.4), (-1.05, 0.72), (1.05, 0.72), (1.05, 0.4), edge=None),
        _discs((220, 30, 40), 0.24, (0, 1.4), edge=None),
    )


def glasses(colour: Colour) -> Painter:
    return layered(
        _shape(colour, (-0.3, 0.22), (-0.3, 0.34), (1, 0.34), (1, 0.22), edge=None),
        _discs(colour, 0.26, (0.62, 0.18), edge=None),
        _discs((200, 220, 235), 0.15, (0.62, 0.18), edge=None),
    )


def mortarboard(colour: Colour, tassel: Colour) -> Painter:
    return layered(
        _shape(colour, *DOME),
        _shape(colour, (-1.9, 1.2), (0.1, 1.7), (1.9, 1.2), (-0.1, 0.75)),
        _shape(tassel, (-1.8, 1.15), (-1.55, 1.15), (-1.45, 0), (-1.85, 0), edge=None),
    )


def veil(colour: Colour, flowers: Colour) -> Painter:
    return layered(
        _shape(colour, (0.3, 1.2), (-0.9, 1.05), (-1.5, 0), (-2.2, -3.4), (-0.7, -3.2), (-0.5, -0.5)),
        _discs(flowers, 0.27, (0.7, 0.85), (0.3, 1.08), (-0.15, 1.15), edge=None),
    )


def clown(hair: Colour, nose: Colour) -> Painter:
    return layered(
        _discs(hair, 0.55, (-1, 0.35), (-0.75, 0.85), (-1, -0.15), (0.55, 0.95)),
        _shape((40, 130, 230), (-0.45, 0.95), (0.1, 2.1), (0.55, 0.95)),
        _discs(nose, 0.33, (1.05, -0.1), edge=None),
    )

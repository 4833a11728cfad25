"""What shows on clothes: each function gives a painter for `Dress.under`. Measures are those of `Body.trunk`."""

from clip_event.scenes.body import Body, Painter, layered
from clip_event.scenes.canvas import Canvas, Colour, Point, between


def _shape(colour: Colour, *points: Point) -> Painter:
    def paint(canvas: Canvas, body: Body) -> None:
        canvas.polygon(body.trunk.all(*points), body.dyed(colour), None)

    return paint


def _spots(colours: tuple[Colour, ...], radius: float, *points: Point) -> Painter:
    def paint(canvas: Canvas, body: Body) -> None:
        for number, point in enumerate(points):
            colour = body.dyed(colours[number % len(colours)])
            canvas.disc(body.trunk.at(*point), radius * body.spot.height, colour, None)

    return paint


def belt(colour: Colour) -> Painter:
    return _shape(colour, (-0.85, 0.02), (-0.85, 0.14), (0.85, 0.14), (0.85, 0.02))


def badge(colour: Colour) -> Painter:
    return _spots((colour,), 0.022, (0.45, 0.72))


def bands(colour: Colour, *heights: float) -> Painter:
    return layered(*(_shape(colour, (-0.9, u), (-0.9, u + 0.16), (0.9, u + 0.16), (0.9, u)) for u in heights))


def opening(colour: Colour) -> Painter:
    """What is worn under an open coat."""
    return _shape(colour, (-0.1, 1), (0.75, 1), (0.35, 0.4))


def tie(colour: Colour) -> Painter:
    return _shape(colour, (0.2, 0.98), (0.5, 0.98), (0.45, 0.45), (0.32, 0.38), (0.22, 0.45))


def collar(colour: Colour) -> Painter:
    return _shape(colour, (-0.4, 0.94), (-0.4, 1.06), (0.6, 1.06), (0.6, 0.94))


def jabot(colour: Colour) -> Painter:
    return _shape(colour, (0.1, 1), (0.6, 1), (0.75, 0.62), (0.05, 0.62))


def scarf(colour: Colour) -> Painter:
    return _shape(colour, (-0.6, 1.05), (0.7, 1.05), (0.35, 0.78))


def bib(colour: Colour) -> Painter:
    return layered(
        _shape(colour, (-0.85, -0.02), (-0.85, 0.25), (0.05, 0.68), (0.85, 0.68), (0.85, -0.02)),
        _shape(colour, (-0.1, 1), (0.15, 1), (0.3, 0.6), (0.05, 0.6)),
    )


def apron(colour: Colour) -> Painter:
    def paint(canvas: Canvas, body: Body) -> None:
        front = [body.trunk.at(0.85, 0.75), body.trunk.at(-0.1, 0.75), body.trunk.at(-0.1, 0)]
        knee = max((leg[1] for leg in body.legs), key=lambda p: (p[0] - body.hip[0]) * body.spot.facing)
        low = between(body.hip, knee, 0.85)
        wide = 0.06 * body.spot.height * body.spot.facing
        canvas.polygon(
            [*front, (low[0] - wide / 2, low[1]), (low[0] + wide, low[1]), body.trunk.at(0.85, 0)], colour, None
        )

    return paint


def hood(colour: Colour) -> Painter:
    return layered(
        _shape(colour, (-0.7, 1.02), (-0.3, 1.02), (0.5, 0.35), (0.3, 0.25)),
        _shape(colour, (0.8, 1), (0.5, 1.02), (0.35, 0.3), (0.55, 0.3)),
    )


def sailor_collar(colour: Colour) -> Painter:
    return layered(
        _shape(colour, (-1.05, 0.95), (0.55, 1.03), (0.35, 0.45), (0, 0.75), (-1, 0.55)),
        _shape(colour, (-0.85, 0), (-0.85, 0.1), (0.85, 0.1), (0.85, 0)),
    )


def stripes(colour: Colour) -> Painter:
    return layered(*(_shape(colour, (v, 0), (v, 0.95), (v + 0.3, 0.95), (v + 0.3, 0)) for v in (-0.75, -0.15, 0.45)))


def checks(colour: Colour) -> Painter:
    return layered(
        *(_shape(colour, (-0.9, u), (-0.9, u + 0.06), (0.9, u + 0.06), (0.9, u)) for u in (0.55, 0.75, 0.93))
    )


def buttons(colour: Colour) -> Painter:
    return _spots((colour,), 0.011, *((v, u) for u in (0.15, 0.38, 0.6) for v in (0.1, 0.6)))


def pendant(colour: Colour) -> Painter:
    return layered(
        _shape(colour, (0.3, 0.75), (0.46, 0.75), (0.46, 0.42), (0.3, 0.42)),
        _shape(colour, (0.12, 0.68), (0.64, 0.68), (0.64, 0.6), (0.12, 0.6)),
    )


def patches(dark: Colour, light: Colour) -> Painter:
    """Camouflage, on trunk and legs."""

    def paint(canvas: Canvas, body: Body) -> None:
        trunk(canvas, body)
        for hip, knee, foot in body.legs:
            for share, colour in ((0.4, dark), (0.85, light)):
                canvas.disc(between(hip, knee, share), 0.026 * body.spot.height, body.dyed(colour), None)
            canvas.disc(between(knee, foot, 0.5), 0.026 * body.spot.height, body.dyed(dark), None)

    trunk = _spots((dark, light), 0.03, (-0.5, 0.15), (0.45, 0.2), (0.1, 0.5), (-0.55, 0.75), (0.6, 0.8), (0.5, 0.48))
    return paint


def dots(first: Colour, second: Colour) -> Painter:
    def paint(canvas: Canvas, body: Body) -> None:
        trunk(canvas, body)
        for hip, knee, foot in body.legs:
            canvas.disc(between(hip, knee, 0.6), 0.025 * body.spot.height, first, None)
            canvas.disc(between(knee, foot, 0.4), 0.025 * body.spot.height, second, None)

    trunk = _spots((first, second), 0.026, (-0.45, 0.12), (0.45, 0.3), (-0.3, 0.55), (0.45, 0.7))
    return paint


def ruff(colour: Colour) -> Painter:
    return _spots((colour,), 0.036, (-0.7, 1), (-0.2, 0.96), (0.3, 0.96), (0.8, 1))


def stethoscope(colour: Colour) -> Painter:
    def paint(canvas: Canvas, body: Body) -> None:
        canvas.line(body.trunk.all((-0.5, 0.98), (-0.2, 0.6), (0.1, 0.45)), 0.016 * body.spot.height, colour, None)

    return paint


def cuffs(colour: Colour) -> Painter:
    """Stripes above the feet."""

    def paint(canvas: Canvas, body: Body) -> None:
        for _, knee, foot in body.legs:
            points = [between(knee, foot, 0.55), between(knee, foot, 0.72)]
            canvas.line(points, 0.07 * body.spot.height, body.dyed(colour), None)

    return paint


def socks(colour: Colour) -> Painter:
    def paint(canvas: Canvas, body: Body) -> None:
        for _, knee, foot in body.legs:
            canvas.line(
                [between(knee, foot, 0.3), between(knee, foot, 0.9)], 0.062 * body.spot.height, body.dyed(colour)
            )

    return paint

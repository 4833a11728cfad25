"""Places: what lies behind and under the people. Each fills the stage and more, as the picture may be moved."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from clip_event.scenes.canvas import Canvas, Colour, darker

LEFT, RIGHT, TOP, BOTTOM = -25, 125, -25, 125
WHITE: Colour = (245, 245, 240)

Painting = Callable[[Canvas, Random, float], None]
"""Paints a place, given where its ground begins."""


@dataclass(frozen=True)
class Place:
    """A place: how it is said after a preposition, and how it is painted."""

    preposition: str
    paint: Painting


def _backdrop(canvas: Canvas, back: Colour, ground: Colour, horizon: float) -> None:
    canvas.rectangle(LEFT, TOP, RIGHT, horizon, back)
    canvas.rectangle(LEFT, horizon, RIGHT, BOTTOM, ground)


def street(canvas: Canvas, r: Random, horizon: float) -> None:
    _backdrop(canvas, (168, 188, 208), (112, 112, 116), horizon)
    x = LEFT + r.uniform(-10, 0)
    while x < RIGHT:
        wide, top = r.uniform(16, 28), r.uniform(2, 26)
        wall = r.choice(((160, 120, 105), (150, 145, 140), (175, 155, 125), (125, 130, 140)))
        canvas.rectangle(x, top, x + wide, horizon, wall)
        for row in range(3):
            for column in (0.2, 0.6):
                left, high = x + wide * column, top + 5 + row * 10
                canvas.rectangle(left, high, left + wide * 0.2, min(high + 5, horizon), (85, 95, 110))
        x += wide + 1
    canvas.rectangle(LEFT, horizon, RIGHT, horizon + 5, (165, 162, 156))
    for x in range(-20, 120, 24):
        canvas.rectangle(x, 96, x + 12, 98, WHITE)


def square(canvas: Canvas, r: Random, horizon: float) -> None:
    _backdrop(canvas, (150, 190, 225), (188, 176, 156), horizon)
    x = r.uniform(18, 60)
    canvas.rectangle(x - 22, 22, x + 30, horizon, (214, 200, 170))
    canvas.polygon(((x - 25, 22), (x + 4, 8), (x + 33, 22)), (190, 172, 140))
    for column in range(5):
        canvas.rectangle(x - 18 + column * 10, 24, x - 14 + column * 10, horizon, WHITE)
    for row in range(4):
        canvas.rectangle(LEFT, horizon + 4 + row * row * 4, RIGHT, horizon + 4.8 + row * row * 4, (160, 148, 130))


def hospital(canvas: Canvas, r: Random, horizon: float) -> None:
    _backdrop(canvas, (205, 228, 222), (178, 192, 196), horizon)
    canvas.rectangle(LEFT, horizon - 14, RIGHT, horizon, (170, 205, 200))
    x = r.uniform(5, 35)
    canvas.rectangle(x, 12, x + 18, 30, (190, 220, 245), (120, 130, 140))
    x = r.uniform(60, 85)
    canvas.rectangle(x, 10, x + 13, 23, WHITE, (150, 150, 150))
    canvas.rectangle(x + 5, 12, x + 8, 21, (210, 40, 50))
    canvas.rectangle(x + 2, 15, x + 11, 18, (210, 40, 50))
    x = r.uniform(20, 60)
    canvas.rectangle(x, horizon - 10, x + 30, horizon - 4, WHITE, (140, 150, 155))
    canvas.line(((x, horizon - 16), (x, horizon + 2)), 1.4, (140, 145, 150))


def courtroom(canvas: Canvas, r: Random, horizon: float) -> None:
    _backdrop(canvas, (140, 96, 60), (122, 48, 50), horizon)
    for panel in range(-24, 124, 12):
        canvas.rectangle(panel, TOP, panel + 1, horizon, (112, 74, 44))
    x = r.uniform(30, 60)
    canvas.rectangle(x - 20, horizon - 20, x + 24, horizon, (95, 60, 36), (60, 38, 24))
    canvas.disc((x + 2, 16), 8, (225, 190, 80))
    canvas.disc((x + 2, 16), 5, (140, 96, 60), None)


def field(canvas: Canvas, r: Random, horizon: float) -> None:
    _backdrop(canvas, (140, 195, 240), (118, 168, 72), horizon)
    _clouds(canvas, r)
    x = r.uniform(8, 76)
    canvas.rectangle(x, horizon - 16, x + 18, horizon, (160, 50, 45))
    canvas.polygon(((x - 2, horizon - 16), (x + 9, horizon - 25), (x + 20, horizon - 16)), (100, 90, 88))
    for row in range(5):
        y = horizon + 4 + row * 9
        canvas.line(((LEFT, y), (RIGHT, y + r.uniform(-3, 3))), 1.6, (92, 142, 52), None)


def beach(canvas: Canvas, r: Random, horizon: float) -> None:
    _backdrop(canvas, (150, 210, 245), (238, 216, 160), horizon)
    canvas.rectangle(LEFT, horizon - 14, RIGHT, horizon + 2, (45, 135, 190))
    canvas.rectangle(LEFT, horizon + 1, RIGHT, horizon + 3, WHITE)
    _clouds(canvas, r)
    x = r.choice((r.uniform(2, 16), r.uniform(84, 98)))
    canvas.line(((x, horizon - 18), (x, horizon + 12)), 1.2, WHITE)
    canvas.polygon(
        (
            (x - 13, horizon - 14),
            (x - 7, horizon - 21),
            (x, horizon - 23),
            (x + 7, horizon - 21),
            (x + 13, horizon - 14),
        ),
        (235, 80, 70),
    )


def forest(canvas: Canvas, r: Random, horizon: float) -> None:
    _backdrop(canvas, (70, 110, 78), (88, 92, 52), horizon)
    for x in range(-20, 125, 16):
        trunk = x + r.uniform(-5, 5)
        canvas.rectangle(trunk, TOP, trunk + r.uniform(4, 7), horizon + r.uniform(0, 5), (82, 60, 44))
    for x in range(-15, 125, 20):
        green = r.choice(((45, 92, 50), (58, 112, 58), (38, 80, 50)))
        canvas.oval((x + r.uniform(-5, 5), r.uniform(0, 14)), 15, 13, green, None)


def harbor(canvas: Canvas, r: Random, horizon: float) -> None:
    _backdrop(canvas, (175, 205, 225), (150, 128, 104), horizon)
    canvas.rectangle(LEFT, horizon - 12, RIGHT, horizon, (52, 108, 140))
    x = r.uniform(10, 45)
    canvas.polygon(
        ((x, horizon - 18), (x + 44, horizon - 18), (x + 38, horizon - 6), (x + 5, horizon - 6)), (170, 50, 45)
    )
    canvas.rectangle(x + 8, horizon - 28, x + 20, horizon - 18, WHITE)
    canvas.rectangle(x + 12, horizon - 36, x + 16, horizon - 28, (50, 50, 55))
    crane = r.uniform(70, 92)
    canvas.line(((crane, horizon), (crane, 8), (crane - 24, 14)), 2, (230, 170, 50))
    for y in range(int(horizon) + 6, 125, 9):
        canvas.rectangle(LEFT, y, RIGHT, y + 0.8, (115, 95, 75))


def railway_station(canvas: Canvas, r: Random, horizon: float) -> None:
    _backdrop(canvas, (182, 178, 172), (158, 154, 152), horizon)
    canvas.rectangle(LEFT, 4, RIGHT, 10, (90, 95, 102))
    train = r.choice(((40, 110, 160), (190, 60, 50), (60, 130, 90)))
    canvas.rectangle(LEFT, 24, RIGHT, horizon, train)
    canvas.rectangle(LEFT, 20, RIGHT, 25, darker(train))
    for x in range(-22 + r.randrange(16), 125, 16):
        canvas.rectangle(x, 30, x + 10, 40, (200, 222, 235), (60, 60, 66))
    canvas.rectangle(LEFT, horizon + 3, RIGHT, horizon + 6, (240, 205, 50))


def market(canvas: Canvas, r: Random, horizon: float) -> None:
    _backdrop(canvas, (205, 195, 180), (176, 150, 120), horizon)
    x = LEFT + r.uniform(0, 12)
    while x < RIGHT:
        colour = r.choice(((210, 60, 55), (50, 130, 90), (60, 100, 180), (225, 150, 40)))
        for stripe in range(6):
            canvas.polygon(
                ((x + stripe * 5 + 2, 14), (x + stripe * 5 + 7, 14), (x + stripe * 5 + 5, 26), (x + stripe * 5, 26)),
                WHITE if stripe % 2 else colour,
                None,
            )
        canvas.rectangle(x + 2, horizon - 14, x + 28, horizon, (130, 92, 58))
        for fruit in range(5):
            canvas.disc(
                (x + 5 + fruit * 5, horizon - 15), 2.6, r.choice(((230, 60, 40), (240, 170, 40), (110, 170, 60))), None
            )
        x += 36


def desert(canvas: Canvas, r: Random, horizon: float) -> None:
    _backdrop(canvas, (240, 205, 150), (222, 176, 108), horizon)
    canvas.disc((r.uniform(10, 90), r.uniform(8, 20)), 6, (255, 245, 200), None)
    for _ in range(3):
        canvas.oval((r.uniform(-10, 110), horizon + 6), r.uniform(25, 45), r.uniform(9, 16), (205, 156, 92), None)
    x = r.choice((r.uniform(4, 18), r.uniform(82, 96)))
    canvas.line(((x, horizon + 6), (x, horizon - 20)), 4, (60, 120, 66))
    canvas.line(((x, horizon - 6), (x + 6, horizon - 8), (x + 6, horizon - 16)), 3, (60, 120, 66))


def stadium(canvas: Canvas, r: Random, horizon: float) -> None:
    _backdrop(canvas, (92, 92, 104), (62, 158, 70), horizon)
    for row in range(4):
        y = 8 + row * (horizon - 14) / 4
        canvas.rectangle(LEFT, y + 6, RIGHT, y + 7, (70, 70, 80))
        for x in range(-22, 124, 9):
            spot = r.choice(((220, 90, 80), (235, 220, 200), (90, 130, 210), (230, 190, 70)))
            canvas.rectangle(x + row * 3, y + 2, x + row * 3 + 3, y + 5.5, spot)
    canvas.rectangle(LEFT, horizon - 5, RIGHT, horizon, WHITE)
    canvas.rectangle(LEFT, horizon + 8, RIGHT, horizon + 9.5, WHITE)


def mountain(canvas: Canvas, r: Random, horizon: float) -> None:
    _backdrop(canvas, (130, 180, 230), (232, 238, 246), horizon)
    for _ in range(3):
        x, high, wide = r.uniform(-10, 110), r.uniform(4, 24), r.uniform(24, 42)
        canvas.polygon(((x - wide, horizon), (x, high), (x + wide, horizon)), (110, 116, 132), None)
        canvas.polygon(
            (
                (x - wide * 0.3, high + (horizon - high) * 0.3),
                (x, high),
                (x + wide * 0.3, high + (horizon - high) * 0.3),
            ),
            WHITE,
            None,
        )


def _clouds(canvas: Canvas, r: Random) -> None:
    for _ in range(3):
        x, y = r.uniform(0, 100), r.uniform(4, 22)
        canvas.oval((x, y), r.uniform(8, 14), 4, WHITE, None)


PLACES: dict[str, Place] = {
    "street": Place("on", street),
    "square": Place("in", square),
    "hospital": Place("in", hospital),
    "courtroom": Place("in", courtroom),
    "field": Place("in", field),
    "beach": Place("on", beach),
    "forest": Place("in", forest),
    "harbor": Place("at", harbor),
    "railway station": Place("at", railway_station),
    "market": Place("at", market),
    "desert": Place("in", desert),
    "stadium": Place("in", stadium),
    "mountain": Place("on", mountain),
}
"""Name to place; every name is a noun that "a" stands before."""

"""Things that are held in a hand.

Each is painted in a `Frame` at the hand, whose `up` points where the thing points and is one body height long.
"""

from collections.abc import Callable
from math import cos, radians, sin

from clip_event.scenes.body import Body, Frame
from clip_event.scenes.canvas import Canvas
from clip_event.scenes.props import DARK, RED, STEEL, WHITE, WOOD


def in_hand(body: Body, side: int, angle: float) -> Frame:
    """The frame of a thing that points `angle` degrees up from the body's front."""
    turn, height, front = radians(angle), body.spot.height, body.spot.facing
    up = (front * cos(turn) * height, -sin(turn) * height)
    return Frame(body.hands[side], (front * sin(turn) * height, cos(turn) * height), up)


def club(canvas: Canvas, at: Frame) -> None:
    canvas.polygon(at.all((-0.018, -0.06), (-0.045, 0.4), (0.045, 0.4), (0.018, -0.06)), WOOD)


def knife(canvas: Canvas, at: Frame) -> None:
    canvas.polygon(at.all((-0.03, 0.04), (-0.035, 0.2), (0, 0.3), (0.04, 0.04)), STEEL)
    canvas.polygon(at.all((-0.03, -0.07), (-0.03, 0.05), (0.03, 0.05), (0.03, -0.07)), DARK)


def hammer(canvas: Canvas, at: Frame) -> None:
    canvas.line(at.all((0, -0.06), (0, 0.3)), 1.8, WOOD)
    canvas.polygon(at.all((-0.1, 0.26), (-0.1, 0.36), (0.12, 0.36), (0.12, 0.26)), DARK)


def rifle(canvas: Canvas, at: Frame) -> None:
    canvas.polygon(at.all((0, -0.1), (0.07, -0.3), (-0.02, -0.3), (-0.03, -0.1)), WOOD)
    canvas.polygon(at.all((-0.03, -0.12), (-0.03, 0.2), (0.03, 0.2), (0.03, -0.12)), DARK)
    canvas.line(at.all((-0.01, 0.2), (-0.01, 0.42)), 1.2, DARK)
    canvas.polygon(at.all((0.03, 0.02), (0.12, 0.06), (0.12, 0.11), (0.03, 0.09)), DARK)


def shield(canvas: Canvas, at: Frame) -> None:
    canvas.polygon(at.all((-0.13, -0.28), (-0.15, 0.26), (0.15, 0.26), (0.13, -0.28)), (150, 185, 205))
    canvas.polygon(at.all((-0.14, 0.08), (-0.14, 0.17), (0.14, 0.17), (0.14, 0.08)), DARK)


def placard(canvas: Canvas, at: Frame) -> None:
    canvas.line(at.all((0, -0.15), (0, 0.3)), 1.3, WOOD)
    canvas.polygon(at.all((-0.17, 0.2), (-0.17, 0.48), (0.17, 0.48), (0.17, 0.2)), WHITE)
    for height in (0.4, 0.33, 0.26):
        canvas.line(at.all((-0.12, height), (0.1, height)), 1.2, RED, None)


def flag(canvas: Canvas, at: Frame) -> None:
    canvas.line(at.all((0, -0.2), (0, 0.5)), 1.2, WOOD)
    canvas.polygon(at.all((0, 0.24), (-0.17, 0.28), (-0.36, 0.22), (-0.36, 0.44), (-0.17, 0.5), (0, 0.48)), RED)
    canvas.polygon(
        at.all((0, 0.32), (-0.17, 0.36), (-0.36, 0.3), (-0.36, 0.37), (-0.17, 0.42), (0, 0.4)), (250, 215, 60), None
    )


def megaphone(canvas: Canvas, at: Frame) -> None:
    canvas.polygon(at.all((-0.02, -0.04), (-0.11, 0.24), (0.11, 0.24), (0.04, -0.04)), WHITE)
    canvas.polygon(at.all((-0.11, 0.24), (-0.13, 0.28), (0.13, 0.28), (0.11, 0.24)), RED)


def microphone(canvas: Canvas, at: Frame) -> None:
    canvas.line(at.all((0, -0.1), (0, 0.06)), 2.2, DARK)
    canvas.disc(at.at(0, 0.1), 2.4, (120, 124, 130))


def flashlight(canvas: Canvas, at: Frame) -> None:
    canvas.polygon(at.all((-0.02, 0.1), (-0.12, 0.55), (0.12, 0.55), (0.02, 0.1)), (255, 240, 150), None)
    canvas.polygon(
        at.all((-0.03, -0.08), (-0.03, 0.06), (-0.05, 0.12), (0.05, 0.12), (0.03, 0.06), (0.03, -0.08)), DARK
    )


def magnifying_glass(canvas: Canvas, at: Frame) -> None:
    canvas.line(at.all((0, -0.04), (0, 0.1)), 1.8, WOOD)
    canvas.disc(at.at(0, 0.19), 5.4, (60, 60, 66))
    canvas.disc(at.at(0, 0.19), 4.0, (195, 225, 240), None)


def syringe(canvas: Canvas, at: Frame) -> None:
    canvas.line(at.all((0, 0.14), (0, 0.24)), 0.8, STEEL)
    canvas.polygon(at.all((-0.045, -0.08), (-0.045, 0.16), (0.045, 0.16), (0.045, -0.08)), WHITE)
    canvas.polygon(at.all((-0.03, 0.04), (-0.03, 0.15), (0.03, 0.15), (0.03, 0.04)), (40, 190, 220), None)
    canvas.line(at.all((0, -0.08), (0, -0.15)), 0.8, DARK, None)
    canvas.line(at.all((-0.05, -0.15), (0.05, -0.15)), 1, DARK)


def sponge(canvas: Canvas, at: Frame) -> None:
    canvas.polygon(at.all((-0.1, 0.01), (-0.1, 0.15), (0.1, 0.15), (0.1, 0.01)), (245, 205, 70))


def brush(canvas: Canvas, at: Frame) -> None:
    canvas.line(at.all((0, -0.25), (0, 0.14)), 1.6, WOOD)
    canvas.polygon(at.all((-0.1, 0.12), (-0.12, 0.25), (0.12, 0.25), (0.1, 0.12)), (60, 110, 200))


def box(canvas: Canvas, at: Frame) -> None:
    canvas.polygon(at.all((-0.12, -0.02), (-0.12, 0.24), (0.12, 0.24), (0.12, -0.02)), (190, 140, 85))
    canvas.polygon(at.all((-0.12, 0.09), (-0.12, 0.13), (0.12, 0.13), (0.12, 0.09)), (235, 220, 190), None)


def bag(canvas: Canvas, at: Frame) -> None:
    canvas.polygon(
        at.all((-0.02, 0.02), (0.1, -0.05), (0.24, -0.02), (0.24, 0.22), (0.1, 0.24), (-0.02, 0.14)), (120, 60, 120)
    )
    canvas.line(at.all((0, 0.04), (-0.06, 0.08), (0, 0.13)), 1.1, DARK, None)


def book(canvas: Canvas, at: Frame) -> None:
    canvas.polygon(at.all((-0.12, 0), (-0.12, 0.2), (0.06, 0.2), (0.06, 0)), (40, 110, 80))
    canvas.polygon(at.all((0.06, 0), (0.06, 0.2), (0.09, 0.2), (0.09, 0)), WHITE)


def bouquet(canvas: Canvas, at: Frame) -> None:
    canvas.polygon(at.all((-0.03, -0.06), (-0.1, 0.12), (0.1, 0.12), (0.03, -0.06)), (60, 140, 60))
    for number, (across, along) in enumerate(((-0.1, 0.14), (0, 0.12), (0.1, 0.14), (-0.05, 0.21), (0.06, 0.21))):
        canvas.disc(at.at(across, along), 2.5, ((235, 60, 110), (250, 210, 70), (240, 240, 245))[number % 3])


def cup(canvas: Canvas, at: Frame) -> None:
    gold = (240, 190, 50)
    canvas.polygon(
        at.all(
            (-0.06, -0.02),
            (-0.02, 0.03),
            (-0.02, 0.08),
            (-0.1, 0.14),
            (-0.11, 0.25),
            (0.11, 0.25),
            (0.1, 0.14),
            (0.02, 0.08),
            (0.02, 0.03),
            (0.06, -0.02),
        ),
        gold,
    )


HELD: dict[str, Callable[[Canvas, Frame], None]] = {
    "club": club,
    "knife": knife,
    "hammer": hammer,
    "rifle": rifle,
    "shield": shield,
    "placard": placard,
    "flag": flag,
    "megaphone": megaphone,
    "microphone": microphone,
    "flashlight": flashlight,
    "magnifying glass": magnifying_glass,
    "syringe": syringe,
    "sponge": sponge,
    "brush": brush,
    "box": box,
    "bag": bag,
    "book": book,
    "bouquet": bouquet,
    "trophy": cup,
}

"""Things that are not in a hand: what people are bound with, carried in and sit on, and what merely stands about."""

from random import Random

from clip_event.scenes.canvas import Canvas, Colour, Point, between

WOOD: Colour = (135, 88, 48)
STEEL: Colour = (196, 202, 210)
DARK: Colour = (45, 46, 52)
WHITE: Colour = (246, 246, 242)
RED: Colour = (205, 40, 40)
BLUE: Colour = (50, 90, 190)


def handcuffs(canvas: Canvas, first: Point, second: Point) -> None:
    canvas.line((first, second), 1.3, STEEL)
    for wrist in (first, second):
        canvas.disc(wrist, 2.9, STEEL)
        canvas.disc(wrist, 1.3, DARK, None)


def rope(canvas: Canvas, wrist: Point, end: Point) -> None:
    hemp = (225, 185, 110)
    low = wrist[0] - 3, wrist[1] + 16
    canvas.line((wrist, low, (low[0] - 5, low[1] - 5)), 1.7, hemp)
    canvas.line((wrist, end), 1.7, hemp)
    for drop in (-1.6, 1.4):
        canvas.oval((wrist[0], wrist[1] + drop), 4, 1.6, hemp)


def bandage(canvas: Canvas, limb: Point, hand: Point) -> None:
    canvas.line((limb, hand), 1.8, WHITE)
    canvas.disc(limb, 4, WHITE)
    canvas.disc(hand, 2.6, WHITE)


def listening_tube(canvas: Canvas, ear: Point, chest: Point) -> None:
    """A stethoscope in use."""
    low = (ear[0] + chest[0]) / 2, max(ear[1], chest[1]) + 4
    canvas.line((ear, low, chest), 1.5, (40, 40, 46), None)
    canvas.disc(chest, 2.8, STEEL)


def stretcher(canvas: Canvas, x0: float, x1: float, y: float, ground: float) -> None:
    """A wheeled stretcher whose handle is at x0."""
    for x in (x0 + 10, x1 - 8):
        canvas.line(((x, y), (x + 4, ground - 3)), 1.2, STEEL)
        canvas.disc((x + 4, ground - 3), 3, DARK)
    canvas.line(((x0, y - 2), (x1, y)), 1.8, STEEL)
    canvas.rectangle(x0 + 7, y - 2.5, x1, y + 1.5, (235, 120, 40), DARK)


def wheelchair(canvas: Canvas, x: float, seat: float, ground: float) -> None:
    """A wheelchair around somebody who faces right at x."""
    canvas.line(
        ((x - 8, seat - 15), (x - 8, seat + 1), (x + 9, seat + 1), (x + 12, ground - 4), (x + 17, ground - 4)), 2, DARK
    )
    canvas.line(((x - 8, seat - 14), (x - 14, seat - 15)), 1.8, DARK)
    canvas.disc((x + 11, ground - 2.5), 2.5, DARK)
    wheel(canvas, (x - 2, ground - 8), 8)


def wheel(canvas: Canvas, centre: Point, radius: float) -> None:
    canvas.disc(centre, radius, DARK)
    canvas.disc(centre, radius * 0.78, (170, 175, 182))
    canvas.line(((centre[0] - radius * 0.7, centre[1]), (centre[0] + radius * 0.7, centre[1])), 0.8, DARK, None)
    canvas.line(((centre[0], centre[1] - radius * 0.7), (centre[0], centre[1] + radius * 0.7)), 0.8, DARK, None)


def wheelbarrow(canvas: Canvas, x: float, ground: float) -> None:
    """A barrow with its handle at x, open to the top."""
    canvas.line(((x, ground - 24), (x + 16, ground - 14), (x + 40, ground - 6)), 1.8, WOOD)
    canvas.polygon(
        ((x + 10, ground - 24), (x + 46, ground - 24), (x + 37, ground - 8), (x + 17, ground - 8)), (60, 140, 80)
    )
    canvas.line(((x + 16, ground - 9), (x + 14, ground)), 1.6, WOOD)
    wheel(canvas, (x + 41, ground - 5), 5)


def chair(canvas: Canvas, x: float, seat: float, ground: float, facing: int) -> None:
    back, front = x - 7 * facing, x + 8 * facing
    canvas.line(((back, seat - 14), (back, ground)), 1.8, WOOD)
    canvas.line(((front, seat + 1), (front, ground)), 1.8, WOOD)
    canvas.line(((back, seat + 1), (front, seat + 1)), 2.4, WOOD)


def barrier(canvas: Canvas, x: float, ground: float) -> None:
    for post in (x - 8, x + 8):
        canvas.line(((post, ground - 20), (post, ground)), 1.6, STEEL)
    for height, colour in ((18, RED), (10, WHITE)):
        canvas.line(((x - 9, ground - height), (x + 9, ground - height)), 2.6, colour)


def candle(canvas: Canvas, at: Point) -> None:
    canvas.rectangle(at[0] - 1.2, at[1] - 9, at[0] + 1.2, at[1], WHITE, DARK)
    canvas.oval((at[0], at[1] - 11), 1.3, 2.2, (255, 190, 50), None)


def wreath(canvas: Canvas, at: Point) -> None:
    canvas.disc(at, 7, (40, 110, 55))
    canvas.disc(at, 3.6, (215, 215, 205), None)
    for dx, dy in ((-5, 0), (0, -5), (5, 0), (0, 5)):
        canvas.disc((at[0] + dx, at[1] + dy), 1.6, (235, 80, 120), None)


def bubbles(canvas: Canvas, middle: Point, r: Random) -> None:
    for _ in range(9):
        canvas.disc(
            (middle[0] + r.uniform(-10, 10), middle[1] + r.uniform(-4, 5)),
            r.uniform(1.8, 3.4),
            (240, 248, 252),
            (170, 195, 215),
        )


def tub(canvas: Canvas, x: float, ground: float) -> None:
    canvas.polygon(
        ((x - 18, ground - 15), (x + 18, ground - 15), (x + 14, ground + 1), (x - 14, ground + 1)), (150, 165, 185)
    )


def confetti(canvas: Canvas, r: Random) -> None:
    for _ in range(26):
        x, y = r.uniform(12, 88), r.uniform(4, 60)
        canvas.rectangle(
            x, y, x + 1.6, y + 1.6, r.choice(((250, 60, 90), (255, 220, 50), (60, 200, 120), (80, 140, 255)))
        )


def jet(canvas: Canvas, start: Point, end: Point) -> None:
    """Water from a hose."""
    high = between(start, end, 0.5)
    canvas.line((start, (high[0], high[1] - 5), end), 2.4, (150, 205, 245), None)
    for dx, dy in ((-3, -4), (3, 2), (0, 4), (-2, 3)):
        canvas.disc((end[0] + dx, end[1] + dy), 1.8, (185, 225, 250), None)


def hose(canvas: Canvas, hand: Point, ground: float) -> None:
    canvas.line(
        (hand, (hand[0] - 8, ground - 12), (hand[0] - 14, ground), (hand[0] - 50, ground + 3)), 2, (50, 140, 70)
    )
    canvas.line((hand, (hand[0] + 4, hand[1] - 1)), 2.4, (240, 200, 60))


def microphone_stand(canvas: Canvas, top: Point, ground: float) -> None:
    canvas.line(((top[0] + 2, ground), (top[0] + 2, top[1] + 6), top), 1.2, DARK)
    canvas.disc(top, 2.6, (120, 124, 130))


def first_aid(canvas: Canvas, x: float, ground: float) -> None:
    canvas.rectangle(x - 6, ground - 9, x + 6, ground, WHITE, DARK)
    canvas.rectangle(x - 1.2, ground - 7.5, x + 1.2, ground - 1.5, RED)
    canvas.rectangle(x - 3.2, ground - 5.5, x + 3.2, ground - 3.2, RED)


def hole(canvas: Canvas, name: str, edge: float, r: Random, *, front: bool) -> None:
    """A pond, swamp or rubble in which somebody is stuck: what lies behind them, or before."""
    if name == "rubble":
        for number in range(10 if front else 4):
            x, y = 46 + number * (7 if front else 15) + r.uniform(-3, 3), edge + (r.uniform(2, 12) if front else -2)
            grey = r.randint(105, 165)
            corners = [
                (x + dx * r.uniform(5, 9), y + dy * r.uniform(4, 8))
                for dx, dy in ((-1, 0.2), (-0.3, -1), (0.9, -0.5), (1, 0.8), (-0.6, 1.6))
            ]
            canvas.polygon(corners, (grey, grey - 6, grey - 14))
        if front:
            canvas.rectangle(48, edge + 14, 125, 125, (120, 114, 106))
        return
    water, light = ((58, 128, 190), (170, 210, 240)) if name == "pond" else ((92, 84, 50), (132, 124, 80))
    if not front:
        canvas.oval((84, edge + 2), 42, 6, water)
        return
    canvas.polygon(((42, edge + 2), (126, edge + 2), (126, 126), (60, 126), (46, edge + 12)), water, None)
    for x, y in ((50, 5), (62, 8), (78, 4), (88, 9)):
        canvas.line(((x, edge + y), (x + 7, edge + y)), 1, light, None)


def clutter(canvas: Canvas, x: float, ground: float, r: Random) -> None:
    """Some thing that takes no part."""
    kind, size = r.randrange(7), r.uniform(0.8, 1.3)
    if kind == 0:  # traffic cone
        canvas.polygon(((x - 4 * size, ground), (x, ground - 11 * size), (x + 4 * size, ground)), (240, 110, 40))
        canvas.line(((x - 2 * size, ground - 5 * size), (x + 2 * size, ground - 5 * size)), 1.4, WHITE, None)
    elif kind == 1:  # crate
        canvas.rectangle(x - 5 * size, ground - 9 * size, x + 5 * size, ground, (150, 110, 65), DARK)
        canvas.line(((x - 5 * size, ground - 9 * size), (x + 5 * size, ground)), 0.9, DARK, None)
    elif kind == 2:  # barrel
        canvas.rectangle(x - 4 * size, ground - 12 * size, x + 4 * size, ground, r.choice((BLUE, (90, 110, 90))), DARK)
    elif kind == 3:  # plant
        for dx in (-3, 0, 3):
            canvas.oval((x + dx * size, ground - 8 * size), 3 * size, 5 * size, (55, 120, 60))
        canvas.rectangle(x - 3 * size, ground - 5 * size, x + 3 * size, ground, (170, 90, 60), DARK)
    elif kind == 4:  # lamp post
        canvas.line(((x, ground), (x, ground - 38 * size)), 1.4, DARK)
        canvas.disc((x, ground - 39 * size), 2.6, (250, 240, 190))
    elif kind == 5:  # bicycle
        for dx in (-5, 5):
            canvas.disc((x + dx * size, ground - 4 * size), 4 * size, DARK, None)
            canvas.disc((x + dx * size, ground - 4 * size), 3 * size, (185, 185, 180), None)
        canvas.line(
            ((x - 5 * size, ground - 4 * size), (x, ground - 10 * size), (x + 5 * size, ground - 4 * size)),
            1,
            RED,
            None,
        )
    else:  # stones
        for dx, wide in ((-3, 3), (2, 4)):
            canvas.oval((x + dx * size, ground - 1.5), wide * size, 2.4 * size, (125, 122, 118))

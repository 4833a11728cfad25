"""Kinds of actors, told apart by dress alone."""

from random import Random

from clip_event.scenes import hats, marks
from clip_event.scenes.body import Actor, Dress
from clip_event.scenes.canvas import Colour

WHITE: Colour = (244, 244, 240)
BLACK: Colour = (32, 30, 34)
NAVY: Colour = (30, 42, 105)
YELLOW: Colour = (250, 215, 40)
RED: Colour = (200, 30, 40)
GOLD: Colour = (235, 190, 60)
OLIVE: Colour = (98, 108, 62)
DENIM: Colour = (62, 98, 170)
PINK: Colour = (240, 140, 175)
GREEN: Colour = (40, 150, 95)
PURPLE: Colour = (120, 60, 160)
CHARCOAL: Colour = (58, 60, 66)
ORANGE: Colour = (250, 120, 25)

KINDS: dict[str, Dress] = {
    "police officer": Dress(
        NAVY, NAVY, under=(marks.belt(BLACK), marks.badge(GOLD)), over=(hats.peaked_cap(NAVY, WHITE),)
    ),
    "soldier": Dress(OLIVE, OLIVE, under=(marks.patches((58, 66, 36), (140, 132, 88)),), over=(hats.helmet(OLIVE),)),
    "doctor": Dress(
        WHITE,
        GREEN,
        hem=0.5,
        flare=1.1,
        under=(marks.opening(GREEN), marks.stethoscope(BLACK)),
        over=(hats.round_cap(GREEN),),
    ),
    "nurse": Dress(
        PINK, WHITE, shoes=WHITE, hem=0.5, flare=1.5, under=(marks.apron(WHITE),), over=(hats.nurse_cap(WHITE, RED),)
    ),
    "firefighter": Dress(
        CHARCOAL,
        CHARCOAL,
        under=(marks.bands(YELLOW, 0.15, 0.6), marks.cuffs(YELLOW)),
        over=(hats.fire_helmet(RED, YELLOW),),
    ),
    "priest": Dress(
        BLACK, BLACK, hem=1, flare=1.2, under=(marks.collar(WHITE), marks.pendant(GOLD)), over=(hats.biretta(BLACK),)
    ),
    "judge": Dress(RED, RED, hem=1, flare=1.2, under=(marks.jabot(WHITE),), over=(hats.wig((215, 212, 205)),)),
    "farmer": Dress(
        (205, 60, 50),
        DENIM,
        shoes=(110, 75, 40),
        under=(marks.checks((240, 210, 190)), marks.bib(DENIM)),
        over=(hats.straw((238, 205, 110)),),
    ),
    "chef": Dress(WHITE, (50, 50, 56), under=(marks.buttons(BLACK), marks.scarf(RED)), over=(hats.toque(WHITE),)),
    "builder": Dress(
        ORANGE,
        (92, 84, 78),
        sleeves=(120, 124, 130),
        shoes=(120, 80, 40),
        under=(marks.bands((225, 250, 90), 0.3),),
        over=(hats.hard_hat(YELLOW),),
    ),
    "sailor": Dress(
        WHITE, (40, 90, 200), under=(marks.sailor_collar((40, 90, 200)),), over=(hats.sailor_cap(WHITE, (40, 90, 200)),)
    ),
    "footballer": Dress(
        GREEN,
        WHITE,
        shoes=BLACK,
        bare=0.62,
        under=(marks.stripes(WHITE), marks.socks(GREEN)),
    ),
    "lawyer": Dress(
        (125, 130, 142), (125, 130, 142), under=(marks.opening(WHITE), marks.tie(RED)), over=(hats.glasses(BLACK),)
    ),
    "graduate": Dress(
        PURPLE, BLACK, hem=0.75, flare=1.5, under=(marks.hood(YELLOW),), over=(hats.mortarboard(PURPLE, YELLOW),)
    ),
    "bride": Dress(
        WHITE,
        WHITE,
        sleeves=WHITE,
        shoes=WHITE,
        hem=1,
        flare=2.6,
        under=(marks.belt((235, 170, 200)),),
        over=(hats.veil((250, 250, 250), PINK),),
    ),
    "clown": Dress(
        YELLOW,
        YELLOW,
        shoes=RED,
        gloves=WHITE,
        under=(marks.dots((230, 50, 140), (40, 130, 230)), marks.ruff(WHITE)),
        over=(hats.clown((245, 110, 30), RED),),
    ),
}
"""Kind to dress. Every name is a plain noun that "a" stands before and an "s" makes plural."""

PASSERS_BY: tuple[tuple[Colour, Colour], ...] = (
    ((150, 140, 130), (70, 70, 85)),
    ((110, 140, 145), (60, 55, 60)),
    ((165, 150, 170), (85, 80, 75)),
    ((135, 110, 100), (55, 60, 80)),
)
"""Shirts and trousers of people who take no part."""

SKINS: tuple[Colour, ...] = ((240, 200, 170), (224, 172, 138), (190, 130, 95), (140, 92, 62), (100, 66, 46))
HAIRS: tuple[Colour, ...] = ((35, 26, 22), (75, 50, 32), (120, 80, 45), (165, 130, 75), (120, 115, 112))


def actor(kind: str, r: Random) -> Actor:
    """Somebody of a kind, with looks of their own."""
    return _somebody(kind, KINDS[kind], r)


def passer_by(r: Random) -> Actor:
    """Somebody in plain clothes."""
    top, legs = r.choice(PASSERS_BY)
    return _somebody("passer-by", Dress(top, legs), r)


def _somebody(kind: str, dress: Dress, r: Random) -> Actor:
    light = r.randint(-12, 12)
    tint = tuple(light + r.randint(-8, 8) for _ in range(3))
    return Actor(kind, dress, r.choice(SKINS), r.choice(HAIRS), (tint[0], tint[1], tint[2]), r.uniform(0.92, 1.14))

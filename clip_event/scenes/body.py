"""A person: a skeleton bent to a pose by inverse kinematics, with a dress over it.

A pose is given in the person's own measures: x forwards, y up from the ground, 1 is the height. Any pose goes with any
dress, so that no dress tells what its wearer does.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, hypot, radians, sin, sqrt

from clip_event.scenes.canvas import INK, Canvas, Colour, Point, between, darker

UPPER_ARM = LOWER_ARM = 0.185
THIGH = SHIN = 0.235
TORSO = 0.335
HEAD = 0.1
NEAR, FAR = 0, 1
HALF = ((0.85, -0.04), (0.85, 0.5), (1.05, 0.9), (0.45, 1.02))
TRUNK = (*HALF, *((-forward, up) for forward, up in reversed(HALF)))
"""The outline of the trunk, in its own frame."""


@dataclass(frozen=True)
class Pose:
    """How somebody stands, sits or lies.

    Attributes:
        hip: where the hip is.
        lean: degrees by which the trunk is bent forwards; -90 lies on the back.
        nod: degrees by which the head is bent further.
        hands, feet: where they are, of the near and of the far side; a limb that is too short points there.
    """

    hip: Point = (0, 0.47)
    lean: float = 0
    nod: float = 0
    hands: tuple[Point, Point] = ((0.08, 0.44), (-0.08, 0.44))
    feet: tuple[Point, Point] = ((0.07, 0), (-0.07, 0))


@dataclass(frozen=True)
class Spot:
    """Where somebody is: the point below the hip on the ground, the height in stage units, 1 to face right, else -1."""

    x: float
    y: float
    height: float
    facing: int = 1

    def stage(self, own: Point) -> Point:
        """A point of the person's own measures on the stage."""
        return self.x + self.facing * own[0] * self.height, self.y - own[1] * self.height

    def own(self, stage: Point) -> Point:
        """A point of the stage in the person's own measures."""
        return (stage[0] - self.x) * self.facing / self.height, (self.y - stage[1]) / self.height


@dataclass(frozen=True)
class Frame:
    """Measures of a part of the body: `forward` is its front, `up` its upper end."""

    origin: Point
    forward: Point
    up: Point

    def at(self, forward: float, up: float) -> Point:
        (x, y), (fx, fy), (ux, uy) = self.origin, self.forward, self.up
        return x + fx * forward + ux * up, y + fy * forward + uy * up

    def all(self, *points: Point) -> list[Point]:
        return [self.at(*point) for point in points]


@dataclass(frozen=True)
class Dress:
    """What somebody wears.

    Attributes:
        top, sleeves, legs, shoes, gloves: colours; sleeves are like the top, hands are bare where none is given.
        hem: how far the upper garment hangs: 0 is the hip, 0.5 the knee, 1 the foot.
        flare: how wide it is there, in widths of the trunk.
        bare: how much of the leg is bare, from 0 (trousers) to 1.
        under, over: painters of what lies on the trunk and on the head, called with canvas and body.
    """

    top: Colour
    legs: Colour
    sleeves: Colour | None = None
    shoes: Colour = (35, 30, 30)
    hem: float = 0
    flare: float = 1
    bare: float = 0
    gloves: Colour | None = None
    under: tuple["Painter", ...] = ()
    over: tuple["Painter", ...] = ()


@dataclass(frozen=True)
class Actor:
    """Somebody: a kind of actor with looks of their own; `tint` is added to all colours of the dress."""

    kind: str
    dress: Dress
    skin: Colour = (224, 172, 138)
    hair: Colour = (50, 35, 25)
    tint: Colour = (0, 0, 0)
    build: float = 1

    def dyed(self, colour: Colour) -> Colour:
        r, g, b = (min(255, max(0, part + shift)) for part, shift in zip(colour, self.tint, strict=True))
        return r, g, b


class Body:
    """An actor in a pose at a spot; all joints are stage points."""

    def __init__(self, actor: Actor, spot: Spot, pose: Pose) -> None:
        self.actor, self.spot = actor, spot
        lean, nod = radians(pose.lean), radians(pose.lean * 0.6 + pose.nod)
        hip, neck = pose.hip, _turned(pose.hip, TORSO, lean)
        shoulder, head = _turned(pose.hip, TORSO * 0.9, lean), _turned(neck, HEAD * 1.15, nod)
        arms = [_limb(shoulder, hand, UPPER_ARM, LOWER_ARM, (-0.5, -1)) for hand in pose.hands]
        legs = [_limb(hip, foot, THIGH, SHIN, (1, 0.6)) for foot in pose.feet]
        self.hip, self.neck, self.shoulder, self.head = map(spot.stage, (hip, neck, shoulder, head))
        self.arms = [(self.shoulder, spot.stage(elbow), spot.stage(hand)) for elbow, hand in arms]
        self.legs = [(self.hip, spot.stage(knee), spot.stage(foot)) for knee, foot in legs]
        self.hands = [arm[2] for arm in self.arms]
        height, side = spot.height, spot.facing
        wide = 0.118 * actor.build * height
        self.trunk = Frame(
            self.hip,
            (side * cos(lean) * wide, sin(lean) * wide),
            (side * sin(lean) * TORSO * height, -cos(lean) * TORSO * height),
        )
        r = HEAD * height
        self.skull = Frame(self.head, (side * cos(nod) * r, sin(nod) * r), (side * sin(nod) * r, -cos(nod) * r))

    def draw(self, canvas: Canvas) -> None:
        dress = self.actor.dress
        self.arm(canvas, FAR)
        for side in (FAR, NEAR):
            self._leg(canvas, side)
        self._hem(canvas)
        canvas.polygon(self.trunk.all(*TRUNK), self.dyed(dress.top))
        for paint in dress.under:
            paint(canvas, self)
        self._face(canvas)
        for paint in dress.over:
            paint(canvas, self)
        self.arm(canvas, NEAR)

    def hand(self, canvas: Canvas, side: int) -> None:
        """A hand once more, around what it holds."""
        canvas.disc(self.hands[side], 0.042 * self.spot.height, self.actor.dress.gloves or self.actor.skin)

    def dyed(self, colour: Colour) -> Colour:
        return self.actor.dyed(colour)

    def arm(self, canvas: Canvas, side: int) -> None:
        dress, height = self.actor.dress, self.spot.height
        colour = self.dyed(dress.sleeves or dress.top)
        canvas.line(self.arms[side], 0.075 * height, darker(colour) if side == FAR else colour)
        self.hand(canvas, side)

    def _leg(self, canvas: Canvas, side: int) -> None:
        dress, height = self.actor.dress, self.spot.height
        hip, knee, foot = self.legs[side]
        colour = self.dyed(dress.legs)
        if side == FAR:
            colour = darker(colour)
        canvas.line((hip, knee, foot), 0.1 * self.actor.build * height, colour)
        if dress.bare:
            whole = 2 * dress.bare
            points = [between(foot, knee, whole), foot] if whole <= 1 else [between(knee, hip, whole - 1), knee, foot]
            canvas.line(points, 0.082 * self.actor.build * height, self.actor.skin)
        toe = foot[0] + self.spot.facing * 0.035 * height, foot[1]
        canvas.oval(toe, 0.065 * height, 0.034 * height, self.dyed(dress.shoes))

    def _hem(self, canvas: Canvas) -> None:
        """The upper garment below the hip, which falls over both legs."""
        dress, height = self.actor.dress, self.spot.height
        if not dress.hem:
            return
        colour = self.dyed(dress.top)
        ends = []
        for hip, knee, foot in self.legs:
            points = [hip, between(hip, knee, min(1, 2 * dress.hem))]
            if dress.hem > 0.5:
                points.append(between(knee, foot, 2 * dress.hem - 1))
            canvas.line(points, 0.14 * self.actor.build * height, colour)
            ends.append(points)
        near, far = ends
        wide = 0.115 * dress.flare * self.actor.build * height
        (x0, y0), (x1, y1) = sorted((near[-1], far[-1]))
        across = (wide, 0) if abs(y0 - self.hip[1]) > abs(x0 - self.hip[0]) else (0, wide)
        outline = [
            self.trunk.at(-0.85, 0.02),
            (x0 - across[0], y0 + across[1]),
            (x1 + across[0], y1 + across[1]),
            self.trunk.at(0.85, 0.02),
        ]
        if self.spot.facing < 0:
            outline[0], outline[3] = outline[3], outline[0]
        canvas.polygon(outline, colour)

    def _face(self, canvas: Canvas) -> None:
        height, skin = self.spot.height, self.actor.skin
        canvas.line((self.neck, self.head), 0.06 * height, skin, None)
        r = HEAD * height
        canvas.disc(self.skull.at(-0.12, 0.12), r, self.actor.hair)
        canvas.disc(self.skull.at(0.12, -0.05), r * 0.9, skin, None)
        canvas.disc(self.skull.at(1.0, -0.1), r * 0.22, skin, None)
        canvas.disc(self.skull.at(0.6, 0.15), r * 0.15, INK, None)


Painter = Callable[[Canvas, Body], None]


def layered(*painters: Painter) -> Painter:
    """One painter that paints all of them, the last on top."""

    def paint(canvas: Canvas, body: Body) -> None:
        for one in painters:
            one(canvas, body)

    return paint


def _turned(base: Point, length: float, angle: float) -> Point:
    return base[0] + sin(angle) * length, base[1] + cos(angle) * length


def _limb(root: Point, end: Point, upper: float, lower: float, bent: Point) -> tuple[Point, Point]:
    """The middle joint and the end of a limb that reaches for `end`, bent to the side of `bent`."""
    dx, dy = end[0] - root[0], end[1] - root[1]
    far = hypot(dx, dy) or 1e-6
    reach = min(far, (upper + lower) * 0.999)
    dx, dy = dx / far, dy / far
    along = (upper**2 - lower**2 + reach**2) / (2 * reach)
    off = sqrt(max(0.0, upper**2 - along**2))
    if -dy * bent[0] + dx * bent[1] < 0:
        off = -off
    middle = root[0] + dx * along - dy * off, root[1] + dy * along + dx * off
    return middle, (root[0] + dx * reach, root[1] + dy * reach)

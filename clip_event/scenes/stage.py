"""The stage on which an event is laid out: who is where, in which pose, and which box each part takes.

A layout, a function of a `Stage`, draws one event. It tells the roles apart by pose and by what the people do to each
other, never by dress or by left and right: the agent is drawn on the left, and the canvas mirrors every other picture.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Literal

from clip_event.scenes import held
from clip_event.scenes.body import NEAR, Actor, Body, Pose, Spot
from clip_event.scenes.canvas import Box, Canvas, Point

Part = Literal["agent", "patient", "instrument", "thing"]

STANDING = Pose()
SEATED = Pose(hip=(0, 0.27), hands=((0.2, 0.36), (0.22, 0.33)), feet=((0.26, 0), (0.22, 0)))
KNEELING = Pose(hip=(0, 0.26), feet=((-0.2, 0.02), (0.16, 0)))
LYING = Pose(hip=(0, 0.07), lean=-88, hands=((-0.12, 0.17), (-0.16, 0.14)), feet=((0.46, 0.05), (0.46, 0.08)))
ON_THE_GROUND = Pose(hip=(0, 0.08), lean=-32, hands=((-0.26, 0.03), (0.16, 0.24)), feet=((0.45, 0.02), (0.38, 0.02)))


@dataclass
class Stage:
    """One scene being drawn.

    Attributes:
        instrument: None where it is left out.
        thing: what is handed over, or what somebody is rescued from.
        ground: where the people stand.
        boxes: of each part, in the order in which it was drawn.
    """

    canvas: Canvas
    r: Random
    agents: list[Actor]
    patients: list[Actor]
    instrument: str | None = None
    thing: str | None = None
    ground: float = 90
    height: float = 56
    boxes: dict[Part, list[Box]] = field(default_factory=dict)

    @property
    def agent(self) -> Actor:
        return self.agents[0]

    @property
    def patient(self) -> Actor:
        return self.patients[0]

    def spot(self, x: float, facing: int, *, up: float = 0, size: float = 1) -> Spot:
        """A place on the ground, or `up` above it, for somebody of about `size` times the usual height."""
        height = self.height * size * self.r.uniform(0.94, 1.06)
        return Spot(x + self.r.uniform(-1.5, 1.5), self.ground - up, height, facing)

    def body(self, actor: Actor, spot: Spot, pose: Pose, *, reach: tuple[Point, Point] | None = None) -> Body:
        """The actor in about that pose; `reach` puts the hands on stage points instead."""
        hands = (
            (spot.own(reach[0]), spot.own(reach[1]))
            if reach
            else (self.about(pose.hands[0]), self.about(pose.hands[1]))
        )
        lean, nod = (angle + self.r.uniform(-6, 6) for angle in (pose.lean, pose.nod))
        return Body(actor, spot, replace(pose, lean=lean, nod=nod, hands=hands))

    def about(self, point: Point, spread: float = 0.03) -> Point:
        return point[0] + self.r.uniform(-spread, spread), point[1] + self.r.uniform(-spread, spread)

    def either(self, share: float = 0.5) -> bool:
        return self.r.random() < share

    def show(self, part: Part, paint: Callable[..., None], *where: Any, above: float = 125) -> None:
        """Draw one of a part: `paint` is called with the canvas and `where`. Its box ends at `above`, where the part
        is hidden below."""
        with self.canvas.boxed() as box:
            paint(self.canvas, *where)
        box[3] = max(box[1] + 1, min(box[3], self.canvas.row(above)))
        self.boxes.setdefault(part, []).append(box)

    def hold(self, part: Part, name: str, body: Body, angle: float, side: int = NEAR) -> None:
        """Put a thing into a hand; see `held.in_hand` for the angle."""
        frame = held.in_hand(body, side, angle + self.r.uniform(-8, 8))
        self.show(part, held.HELD[name], frame)
        body.hand(self.canvas, side)


Layout = Callable[[Stage], None]

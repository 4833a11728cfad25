"""Layouts of care and loss: transport, treat, vaccinate, rescue, clean, mourn."""

from dataclasses import replace
from functools import partial

from clip_event.scenes import props
from clip_event.scenes.body import NEAR, Pose, Spot
from clip_event.scenes.canvas import between
from clip_event.scenes.stage import KNEELING, LYING, ON_THE_GROUND, SEATED, Stage

PUSHING = Pose((0, 0.45), 16, 0, feet=((0.2, 0), (-0.22, 0.03)))


def transport(s: Stage) -> None:
    """One pushes; the other lies on the stretcher or sits in the chair or the barrow, or is carried on the back."""
    carrying = {"stretcher": _on_stretcher, "wheelchair": _in_wheelchair, "wheelbarrow": _in_wheelbarrow}
    carrying.get(s.instrument or "", _on_the_back)(s)


def _on_stretcher(s: Stage) -> None:
    top, ground = s.ground - 20, s.ground
    s.show("instrument", props.stretcher, 33, 92, top, ground)
    s.show("patient", s.body(s.patient, s.spot(66, 1, up=20, size=0.88), LYING).draw)
    _push(s, 22, (34, top - 2))


def _in_wheelchair(s: Stage) -> None:
    seat, ground = s.ground - 13, s.ground
    spot = s.spot(63, 1, size=0.9)
    s.show("instrument", props.wheelchair, spot.x, seat, ground)
    rider = replace(SEATED, hands=((0.2, 0.42), (0.22, 0.4)), feet=((0.3, 0.06), (0.28, 0.06)))
    s.show("patient", s.body(s.patient, spot, rider).draw)
    props.wheel(s.canvas, (spot.x - 2, ground - 7), 8)
    _push(s, 32, (spot.x - 13, seat - 15))


def _in_wheelbarrow(s: Stage) -> None:
    x, ground = 36.0, s.ground
    rider = Pose((0, 0.1), -24, 8, ((0.2, 0.3), (-0.22, 0.2)), ((0.36, 0.16), (0.34, 0.2)))
    s.show("patient", s.body(s.patient, s.spot(x + 24, 1, up=13, size=0.88), rider).draw)
    s.show("instrument", props.wheelbarrow, x, ground)
    _push(s, x - 12, (x, ground - 24))


def _push(s: Stage, x: float, handle: tuple[float, float]) -> None:
    agent = s.body(s.agent, s.spot(x, 1), PUSHING, reach=(handle, (handle[0] + 1, handle[1])))
    s.show("agent", agent.draw)


def _on_the_back(s: Stage) -> None:
    spot = s.spot(52, 1, size=0.95)
    carrier = s.body(s.agent, spot, Pose((0, 0.45), 24, -10, ((0, 0.5), (0.02, 0.48)), ((0.18, 0), (-0.2, 0.03))))
    up = replace(spot, x=spot.x - 0.26 * spot.height, y=spot.y - 0.24 * spot.height)
    hands = ((0.34, 0.64), (0.36, 0.62))
    passenger = s.body(s.patient, up, Pose((0, 0.46), 18, -8, hands, ((0.3, 0.16), (0.28, 0.18))))
    s.show("patient", passenger.draw)
    s.show("agent", carrier.draw)
    passenger.arm(s.canvas, NEAR)
    carrier.arm(s.canvas, NEAR)


def treat(s: Stage) -> None:
    """The agent kneels with both hands on one who lies or sits on the ground, a first-aid case beside."""
    lying = s.either()
    pose = LYING if lying else ON_THE_GROUND
    patient = s.body(s.patient, s.spot(70 if lying else 74, 1 if lying else -1), pose)
    s.show("patient", patient.draw)
    chest, knee = between(patient.hip, patient.neck, 0.7), patient.legs[NEAR][1]
    wound = chest if lying or s.instrument == "stethoscope" else between(knee, patient.legs[NEAR][2], 0.3)
    spot = s.spot(min(wound[0] - 14, 42), 1)
    pose = replace(KNEELING, lean=30, nod=6)
    beside = (wound[0] - 5, wound[1] - 1)
    agent = s.body(s.agent, spot, pose, reach=(beside if s.instrument else wound, (wound[0] - 2, wound[1] + 2)))
    s.show("agent", agent.draw)
    if s.instrument == "stethoscope":
        ear = agent.skull.at(0, -0.2)
        s.show("instrument", props.listening_tube, ear, agent.hands[NEAR])
    elif s.instrument:
        s.show("instrument", props.bandage, wound, agent.hands[NEAR])
    props.first_aid(s.canvas, 14, s.ground + 3)


def vaccinate(s: Stage) -> None:
    """The patient sits on a chair; the agent stands and bends over the upper arm."""
    spot = s.spot(68, s.r.choice((-1, 1)))
    props.chair(s.canvas, spot.x, s.ground - 0.25 * spot.height, s.ground, spot.facing)
    patient = s.body(s.patient, spot, SEATED)
    s.show("patient", patient.draw)
    arm = between(*patient.arms[NEAR][:2], 0.6)
    bent = Pose((0, 0.46), 24, 10, feet=((0.14, 0), (-0.14, 0)))
    away = 12 if s.instrument else 1
    agent = s.body(s.agent, s.spot(arm[0] - 28, 1), bent, reach=((arm[0] - away, arm[1] - 1), (arm[0] - 1, arm[1] + 5)))
    s.show("agent", agent.draw)
    if s.instrument:
        s.hold("instrument", s.instrument, agent, -2)


def rescue(s: Stage) -> None:
    """One is sunk to the chest in water, mud or rubble; the agent kneels at the edge and pulls at the hands."""
    edge = s.ground - 4
    spot = Spot(s.r.uniform(68, 73), edge + 0.52 * s.height, s.height, -1)
    grip = (spot.x - 18 + s.r.uniform(-2, 2), edge - 17 + s.r.uniform(-3, 3))
    person = s.body(s.patient, spot, Pose(lean=16, nod=-14), reach=(grip, (grip[0], grip[1] + 2)))
    props.hole(s.canvas, s.thing or "pond", edge, s.r, front=False)
    s.show("patient", person.draw, above=edge + 2)
    s.show("thing", partial(props.hole, front=True), s.thing or "pond", edge, s.r)
    kneeling = replace(KNEELING, lean=40, nod=-12)
    agent = s.body(s.agent, s.spot(grip[0] - 22, 1), kneeling, reach=(grip, (grip[0], grip[1] - 2)))
    s.show("agent", agent.draw)


def clean(s: Stage) -> None:
    """The agent bends over one who sits in a tub among bubbles."""
    spot = s.spot(68, -1, up=4, size=0.95)
    rim = s.ground - 15
    hands = ((0.2, 0.24), (0.18, 0.22))
    target = s.body(s.patient, spot, Pose((0, 0.2), -4, 0, hands, ((0.2, 0.06), (0.18, 0.06))))
    s.show("patient", target.draw, above=rim)
    props.tub(s.canvas, spot.x, s.ground + 2)
    props.bubbles(s.canvas, (spot.x, rim), s.r)
    back = between(target.hip, target.neck, 0.75)
    touch = (back[0] - 4, back[1])
    bent = Pose((0, 0.45), 28, 4, ((0.3, 0.56), (0.2, 0.44)), ((0.16, 0), (-0.16, 0)))
    if s.instrument == "hose":
        agent = s.body(s.agent, s.spot(28, 1), replace(bent, lean=8))
        s.show("agent", agent.draw)
        s.show("instrument", props.hose, agent.hands[NEAR], s.ground)
        props.jet(s.canvas, agent.hands[NEAR], touch)
        return
    away = 11 if s.instrument == "brush" else 8 if s.instrument else 2
    agent = s.body(
        s.agent, s.spot(touch[0] - 24, 1), bent, reach=((touch[0] - away, touch[1]), (touch[0] - 3, touch[1] + 9))
    )
    s.show("agent", agent.draw)
    if s.instrument:
        s.hold("instrument", s.instrument, agent, 20)


def mourn(s: Stage) -> None:
    """One lies on a bier with candles and a wreath; the other kneels or stands with the head bowed low."""
    top = s.ground - 16
    s.canvas.rectangle(42, top, 96, s.ground + 1, (95, 70, 60), (50, 38, 34))
    s.show("patient", s.body(s.patient, s.spot(70, 1, up=16, size=0.9), LYING).draw)
    for x in (45, 93):
        props.candle(s.canvas, (x, top))
    props.wreath(s.canvas, (s.r.uniform(58, 82), s.ground - 6))
    if s.either(0.6):
        pose = replace(KNEELING, lean=24, nod=40, hands=((0.2, 0.5), (0.2, 0.48)))
    else:
        pose = Pose(lean=16, nod=46, hands=((0.12, 0.5), (0.12, 0.48)))
    s.show("agent", s.body(s.agent, s.spot(23, 1), pose).draw)

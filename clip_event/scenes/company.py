"""Layouts of people in each other's company: meet, speech, handing over, celebrate."""

from dataclasses import replace

from clip_event.scenes import held, props
from clip_event.scenes.body import NEAR, Pose
from clip_event.scenes.stage import SEATED, STANDING, Stage


def meet(s: Stage) -> None:
    """Two shake hands; neither is more than the other."""
    grip = (s.r.uniform(48, 52), s.ground - 0.55 * s.height)
    for x, facing, actor in s.r.sample(((33, 1, s.agent), (67, -1, s.patient)), 2):
        spot = s.spot(x, facing)
        body = s.body(actor, spot, Pose(lean=8), reach=(grip, spot.stage((-0.1, 0.46))))
        s.show("agent" if facing > 0 else "patient", body.draw)


def speech(s: Stage) -> None:
    """The speaker stands on a platform and gestures; the audience sits or stands below with hands in the lap."""
    top, many = 12.0, len(s.agents)
    s.canvas.rectangle(2 if many > 1 else 12, s.ground - top, 46, s.ground + 2, (150, 115, 80), (60, 45, 35))
    for number, actor in enumerate(s.agents):
        hands = ((0.34, 0.86), (-0.14, 0.62)) if s.instrument != "megaphone" else ((0.2, 0.84), (-0.2, 0.66))
        body = s.body(actor, s.spot(30 - 16 * number, 1, up=top), Pose(lean=4, nod=-4, hands=hands))
        s.show("agent", body.draw)
        if s.instrument == "microphone":
            x, y = body.head[0] + 9, body.head[1] + 5
            s.show("instrument", props.microphone_stand, (x, y), s.ground - top)
        elif s.instrument:
            s.hold("instrument", s.instrument, body, 12)
    for number, actor in enumerate(s.patients):
        spot = s.spot(70 + 17 * number, -1, up=-2)
        seated = s.either(0.6)
        if seated:
            props.chair(s.canvas, spot.x, s.ground - 0.25 * spot.height, s.ground, -1)
        pose = replace(SEATED if seated else STANDING, nod=-12)
        if not seated:
            pose = replace(pose, hands=((0.14, 0.5), (0.14, 0.48)))
        s.show("patient", s.body(actor, spot, pose).draw)


def hand_over(s: Stage) -> None:
    """The giver steps forwards and bows with the thing in both hands; the recipient waits with empty ones."""
    waiting = Pose((0, 0.47), -5, 0, ((0.2, 0.58), (0.22, 0.5)))
    recipient = s.body(s.patient, s.spot(79, -1), waiting)
    s.show("patient", recipient.draw)
    giving = Pose((0.02, 0.44), 20, 4, ((0.36, 0.58), (0.34, 0.54)), ((0.2, 0), (-0.22, 0)))
    giver = s.body(s.agent, s.spot(33, 1), giving)
    s.show("agent", giver.draw)
    s.hold("thing", s.thing or "box", giver, 88)


def celebrate(s: Stage) -> None:
    """Under confetti one is tossed into the air by the other, or stands on a winner's block and is cheered."""
    props.confetti(s.canvas, s.r)
    if s.either():
        _tossed(s)
    else:
        _on_block(s)


def _tossed(s: Stage) -> None:
    spot = s.spot(50, 1, size=0.82)
    hands = (spot.stage((0.16, 1.14)), spot.stage((-0.14, 1.14)))
    flying = Pose((0, 0.1), -80, 0, ((-0.5, 0.42), (-0.2, 0.5)), ((0.4, 0.3), (0.42, 0.1)))
    above = replace(s.spot(53, 1, size=0.86), y=hands[0][1] + 1)
    s.show("patient", s.body(s.patient, above, flying).draw)
    s.show("agent", s.body(s.agent, spot, Pose(nod=-16, feet=((0.13, 0), (-0.13, 0))), reach=hands).draw)


def _on_block(s: Stage) -> None:
    s.canvas.rectangle(56, s.ground - 16, 86, s.ground + 2, (235, 235, 230), (70, 70, 70))
    s.canvas.polygon(
        ((69, s.ground - 13), (73, s.ground - 13), (73, s.ground - 2), (70, s.ground - 2)), (200, 40, 40), None
    )
    honoree = s.body(s.patient, s.spot(71, -1, up=16, size=0.9), Pose(hands=((0.16, 1.1), (-0.2, 1.06))))
    s.show("patient", honoree.draw)
    held.HELD["trophy"](s.canvas, held.in_hand(honoree, NEAR, 90))
    cheering = Pose((0, 0.46), 8, -14, ((0.34, 0.72), (0.36, 0.68)), ((0.14, 0), (-0.14, 0)))
    s.show("agent", s.body(s.agent, s.spot(30, 1), cheering).draw)

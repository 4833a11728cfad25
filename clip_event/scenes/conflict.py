"""Layouts of force and watchfulness: attack, arrest, demonstrate, guard, investigate, look."""

from dataclasses import replace

from clip_event.scenes import props
from clip_event.scenes.body import FAR, NEAR, Pose
from clip_event.scenes.canvas import between
from clip_event.scenes.stage import KNEELING, ON_THE_GROUND, SEATED, STANDING, Stage


def attack(s: Stage) -> None:
    """The attacker lunges with an arm swung back; the target falls or lies and shields the head."""
    if s.either():
        pose = replace(ON_THE_GROUND, hands=((0.16, 0.62), (-0.28, 0.03)))
    else:
        pose = Pose((-0.04, 0.44), -26, -8, ((0.2, 0.93), (0.1, 0.96)), ((0.2, 0), (-0.12, 0.02)))
    target = s.body(s.patient, s.spot(67, -1), pose)
    lunge = Pose((0.02, 0.43), 20, 0, ((-0.12, 1.1), (0.3, 0.66)), ((0.28, 0), (-0.24, 0)))
    if not s.instrument:
        lunge = replace(lunge, hands=((0.4, 0.76), (-0.1, 0.6)))
    attacker = s.body(s.agent, s.spot(36 if s.instrument else 43, 1), lunge)
    s.show("patient", target.draw)
    s.show("agent", attacker.draw)
    if s.instrument:
        s.hold("instrument", s.instrument, attacker, 75)


def arrest(s: Stage) -> None:
    """The agent stands behind and grips the wrists and the back of one who is bent over or kneels."""
    if s.either(0.6):
        pose = Pose((0, 0.46), 46, 14, ((-0.13, 0.5), (-0.16, 0.46)), ((0.12, 0), (-0.1, 0)))
    else:
        pose = replace(
            KNEELING, lean=22, nod=28, hands=((-0.2, 0.36), (-0.22, 0.33)), feet=((-0.22, 0.02), (-0.24, 0.02))
        )
    person = s.body(s.patient, s.spot(60, 1), pose)
    wrists = person.hands[NEAR]
    grip, back = (wrists[0] - 3, wrists[1] - 2), between(person.hip, person.neck, 0.8)
    upright = Pose(lean=14, nod=6, feet=((0.14, 0), (-0.14, 0)))
    agent = s.body(s.agent, s.spot(wrists[0] - 14, 1), upright, reach=(grip, back))
    s.show("agent", agent.draw)
    s.show("patient", person.draw)
    if s.instrument == "rope":
        s.show("instrument", props.rope, wrists, agent.hands[NEAR])
    elif s.instrument:
        s.show("instrument", props.handcuffs, (wrists[0] - 2.6, wrists[1]), (wrists[0] + 2.6, wrists[1] + 1))
    agent.arm(s.canvas, NEAR if s.instrument is None else FAR)


def demonstrate(s: Stage) -> None:
    """The demonstrators raise fists and signs; the others stand behind a barrier with their hands low."""
    for number, actor in enumerate(s.patients):
        idle = replace(STANDING, hands=((0.12, 0.44), (0.11, 0.42)))
        s.show("patient", s.body(actor, s.spot(68 + 15 * number, -1, up=2 * number), idle).draw)
        props.barrier(s.canvas, 66 + 15 * number, s.ground + 2)
    for number, actor in enumerate(s.agents):
        aloft = s.instrument != "megaphone"
        hands = ((0.14, 0.98), (-0.06, 1.12)) if aloft else ((0.22, 0.84), (0.02, 1.14))
        stride = ((0.2, 0), (-0.16, 0.03))
        body = s.body(actor, s.spot(36 - 17 * number, 1, up=-2 * number), Pose((0, 0.46), 8, -8, hands, stride))
        s.show("agent", body.draw)
        if s.instrument:
            s.hold("instrument", s.instrument, body, 88 if aloft else 12)


def guard(s: Stage) -> None:
    """The guard stands astride, weapon at the ready, with the back to those who are guarded; they sit or stand idly
    further back."""
    both, seated = len(s.agents) > 1, s.either(0.85)
    for number, actor in enumerate(s.patients):
        spot = s.spot((43 if both else 66) + 15 * number, s.r.choice((-1, 1)), up=6, size=0.88)
        if seated:
            props.chair(s.canvas, spot.x, spot.y - 0.25 * spot.height, spot.y, spot.facing)
        s.show("patient", s.body(actor, spot, SEATED if seated else STANDING).draw)
    for number, actor in enumerate(s.agents):
        facing = 1 if number else -1
        spot = s.spot(80 if number else 20 if both else 30, facing)
        hands = {"rifle": ((0.12, 0.5), (0.16, 0.66)), "shield": ((0.24, 0.52), (0.18, 0.5))}.get(
            s.instrument or "", ((0.34, 0.78), (-0.3, 0.62))
        )
        body = s.body(actor, spot, Pose((0, 0.45), -3, 0, hands, ((0.17, 0), (-0.17, 0))))
        s.show("agent", body.draw)
        if s.instrument:
            s.hold("instrument", s.instrument, body, 68 if s.instrument == "rifle" else 90)


def investigate(s: Stage) -> None:
    """The agent bends forwards and searches one who stands with arms spread."""
    spread = Pose(hands=((0.37, 0.82), (-0.37, 0.82)), feet=((0.13, 0), (-0.13, 0)))
    target = s.body(s.patient, s.spot(69, -1), spread)
    s.show("patient", target.draw)
    crouch = Pose((-0.04, 0.4), 32, -14, ((0.36, 0.6), (0.1, 0.4)), ((0.18, 0), (-0.16, 0)))
    if s.instrument:
        agent = s.body(s.agent, s.spot(31, 1), crouch)
    else:
        low = between(target.hip, target.legs[NEAR][1], 0.6)
        agent = s.body(s.agent, s.spot(45, 1), crouch, reach=(low, between(target.hip, target.neck, 0.5)))
    s.show("agent", agent.draw)
    if s.instrument:
        s.hold("instrument", s.instrument, agent, 8 if s.instrument == "flashlight" else 50)


def look(s: Stage) -> None:
    """The agent peers with a hand above the eyes; the target walks away and does not notice."""
    walk = Pose((0, 0.46), 6, 0, ((0.2, 0.48), (-0.2, 0.5)), ((0.2, 0), (-0.2, 0.03)))
    target = s.body(s.patient, s.spot(75, 1, up=s.r.uniform(2, 7), size=0.92), walk)
    s.show("patient", target.draw)
    pose = Pose((0, 0.46), 14, -6, feet=((0.16, 0), (-0.16, 0)))
    if s.either(0.4):
        pose = replace(pose, hip=(-0.06, 0.34), lean=22)
    spot = s.spot(28, 1)
    head = s.body(s.agent, spot, pose).skull
    agent = s.body(s.agent, spot, pose, reach=(head.at(0.85, 0.5), spot.stage((0.12, 0.36))))
    s.show("agent", agent.draw)

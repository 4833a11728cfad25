"""A planned scene as a picture: place, passers-by, the event, then light and noise."""

from random import Random

import numpy as np
from PIL import Image

from clip_event.scenes import props
from clip_event.scenes.actors import KINDS, actor, passer_by
from clip_event.scenes.acts import ACTS
from clip_event.scenes.body import Body, Pose, Spot
from clip_event.scenes.canvas import Box, Canvas
from clip_event.scenes.places import PLACES
from clip_event.scenes.plans import Scene
from clip_event.scenes.stage import Stage


def draw(scene: Scene, size: int = 96) -> tuple[Image.Image, dict[str, list[Box]]]:
    """The picture, `size` pixels wide and high, and by role the boxes of those who and what take part."""
    r, act = scene.chance("picture"), ACTS[scene.type]
    zoom = r.uniform(0.88, 1.12)
    shift = (r.uniform(-4, 4), r.uniform(-3, 3))
    canvas = Canvas(size, zoom=zoom, shift=shift, mirrored=r.random() < 0.5)
    horizon = r.uniform(54, 68)
    PLACES[scene.place].paint(canvas, r, horizon)
    _bystanders(canvas, scene, r, horizon)
    stage = Stage(
        canvas,
        r,
        [actor(scene.agent, r) for _ in range(scene.number)],
        [actor(scene.patient, r) for _ in range(scene.number)],
        scene.instrument,
        scene.thing,
        ground=r.uniform(88, 91),
        height=r.uniform(53, 59),
    )
    act.layout(stage)
    for _ in range(r.choice((0, 0, 1))):
        props.clutter(canvas, r.uniform(4, 96), r.uniform(97, 103), r)
    roles = {"agent": act.agent, "patient": act.patient, "instrument": "Instrument", "thing": act.thing or ""}
    boxes: dict[str, list[Box]] = {}
    for part, found in sorted(stage.boxes.items()):  # the agent first, where both have one role
        boxes.setdefault(roles[part], []).extend(found)
    return _lit(canvas.image(), scene.chance("light")), boxes


def _bystanders(canvas: Canvas, scene: Scene, r: Random, horizon: float) -> None:
    """People and things further back that take no part; some of the people wear the dress of another kind."""
    for _ in range(r.choice((0, 1, 1, 2))):
        props.clutter(canvas, r.uniform(2, 98), horizon + r.uniform(4, 12), r)
    others = [kind for kind in KINDS if kind not in (scene.agent, scene.patient)]
    for _ in range(r.choice((0, 0, 1, 1, 2)) if scene.number == 1 else 0):
        who = passer_by(r) if r.random() < 0.6 else actor(r.choice(others), r)
        spot = Spot(
            r.choice((r.uniform(3, 22), r.uniform(40, 60), r.uniform(80, 98))),
            horizon + r.uniform(6, 10),
            r.uniform(24, 31),
            r.choice((-1, 1)),
        )
        Body(who, spot, Pose(lean=r.uniform(-3, 3))).draw(canvas)


def _lit(image: Image.Image, r: Random) -> Image.Image:
    """The picture in another light, brighter to one side, with a camera's noise."""
    size = image.width
    light = r.uniform(0.75, 1.12)
    cast = np.array([light * r.uniform(0.94, 1.06) for _ in range(3)], np.float32)
    slope = np.linspace(1 - (tilt := r.uniform(-0.12, 0.12)), 1 + tilt, size, dtype=np.float32)
    noise = np.random.default_rng(r.getrandbits(64)).standard_normal((size, size), np.float32) * r.uniform(1, 8)
    pixels = np.asarray(image, np.float32) * slope[:, None] * cast + noise[..., None]
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))

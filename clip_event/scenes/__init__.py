"""Generated scenes whose events are known exactly."""

from clip_event.scenes.make import record_of, scenes
from clip_event.scenes.pictures import draw
from clip_event.scenes.plans import SPLITS, Scene, plan

__all__ = ["SPLITS", "Scene", "draw", "plan", "record_of", "scenes"]

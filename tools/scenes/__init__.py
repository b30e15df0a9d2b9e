"""A drawn world of scenes: pictures, captions of what is visible, and simulated intents that captions never say."""

from tools.scenes.draw import draw_scene
from tools.scenes.world import Group, Scene, sample_scene

__all__ = ["Group", "Scene", "draw_scene", "sample_scene"]

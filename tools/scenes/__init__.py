"""Drawn scenes: a small world of pictures with captions and simulated intents.

The benchmark's data set (:mod:`tools.scenes.make`) and the CLIP that ships with the project
(:mod:`tools.scenes.pretrain`) are made from it. A caption says what is visible, an intent depends
on hidden properties that no caption says, such as contrast, tilt and arrangement.

``world`` samples scenes, ``arrange``, ``shapes`` and ``draw`` make the picture, ``captions`` the
text, ``intents`` the labels. Weights were trained on this world: a change of its random draws
makes them useless.
"""

from tools.scenes.draw import draw_scene
from tools.scenes.world import Group, Scene, sample_scene

__all__ = ["Group", "Scene", "draw_scene", "sample_scene"]

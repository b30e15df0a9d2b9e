"""Drawn scenes: small worlds of pictures with captions and simulated intents.

The benchmark's data set (:mod:`tools.scenes.make`) and the CLIPs that ship with the project
(:mod:`tools.scenes.pretrain`) are made from them. ``worlds`` has the two worlds.

``scene`` defines a scene and ``sampling`` draws one. ``arrange``, ``shapes``, ``draw`` and
``photo`` make the picture, ``captions`` and ``hidden_words`` the text, ``cues`` and ``annotators``
the labels. Weights were trained on these worlds: a change of their random draws makes the weights
useless.
"""

from tools.scenes.draw import draw_scene, object_boxes
from tools.scenes.scene import Group, Scene
from tools.scenes.worlds import WORLDS, World, get_world

__all__ = ["WORLDS", "Group", "Scene", "World", "draw_scene", "get_world", "object_boxes"]

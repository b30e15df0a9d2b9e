"""Pointing game (Zhang et al., IJCV 2018): the peak of a map lies on the object of the text.

Zero-shot CLIP by region, with the shipped weights, points at groups of objects by colour and kind.
It must hit more often than the centre of the picture, and than a random place.
"""

import numpy as np
import pytest
from scipy.stats import binomtest

from tools.scenes import get_world, pointing

NUM_SCENES = 60
SIDE = 192  # 6 x 6 locations; the pictures of the training have 96 px and 3 x 3


@pytest.fixture(scope="module")
def targets():
    return pointing.groups_as_targets(get_world("rich"), NUM_SCENES, seed=11)


def test_maps_point_at_objects_more_often_than_the_centre_and_than_chance(targets):
    predictor = pointing.zero_shot(["INPUT.SIZE", f"[{SIDE}, {SIDE}]"])
    hits = pointing.play(predictor, targets)
    for other in (pointing.MIDDLE, pointing.RANDOM, pointing.OTHER):
        # sign test of the pairs that differ (McNemar 1947), one-sided
        better = sum(a and not b for a, b in zip(hits["sight"], hits[other], strict=True))
        worse = sum(b and not a for a, b in zip(hits["sight"], hits[other], strict=True))
        assert binomtest(better, better + worse, alternative="greater").pvalue < 1e-3
    assert np.mean(hits["sight"]) > 0.35


def test_a_hit_is_inside_of_any_box():
    boxes = np.array([[0.0, 0.0, 0.2, 0.5], [0.6, 0.6, 1.0, 0.8]])
    assert pointing.is_hit(boxes, (0.1, 0.4)) and pointing.is_hit(boxes, (0.6, 0.8))
    assert not pointing.is_hit(boxes, (0.4, 0.1)) and not pointing.is_hit(boxes, (0.7, 0.9))


def test_an_intent_is_played_on_the_one_group_that_it_rests_on():
    world = get_world("rich")
    kinds = pointing.kinds_of_intents(world, ["FeelAtHome", "FeelLonely", "TravelFar"])
    assert kinds == {"FeelAtHome": ("house",), "TravelFar": ("car", "boat")}
    targets = pointing.intents_as_targets(world, list(kinds), 20, seed=3)
    assert len(targets) == 20 and {target.key for target in targets} == set(kinds)
    for target in targets:
        fits = [group.kind in kinds[target.key] for group in target.scene.groups]
        assert fits[target.group] and sum(fits) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--run", "nowhere"], "nowhere"),
        (["--sizes", "16"], "--sizes is 16; expected at least 32"),
        (["--scenes", "0"], "--scenes is 0; expected at least 1"),
        (["--world", "richer"], "Did you mean 'rich'"),
    ],
)
def test_a_mistake_is_one_line(capsys, arguments, message):
    assert pointing.main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_the_command_prints_a_row_per_size(capsys):
    assert pointing.main(["--scenes", "3", "--sizes", "64", "96"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert rows[2].startswith("64 px  2 x 2") and rows[3].startswith("96 px  3 x 3")
    assert rows[-1].startswith("6 texts")

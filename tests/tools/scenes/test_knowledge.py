"""What an embedding knows: the AUC of a probe against scikit-learn and on built features."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from tools.scenes import get_world
from tools.scenes.pretraining.knowledge import auc, known_properties, properties


@given(st.integers(2, 40), st.integers(0, 1000))
def test_auc_is_scikit_learns(num, seed):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(num) < rng.integers(1, num))
    scores = rng.permutation(num).astype(float)
    np.testing.assert_allclose(auc(scores, labels), roc_auc_score(labels, scores), rtol=1e-12)


def test_a_feature_that_holds_a_property_is_found_and_noise_is_not():
    rng = np.random.default_rng(0)
    scenes = [get_world("rich").sample(rng) for _ in range(1200)]
    warm = np.array([scene.tint > 0.5 for scene in scenes], dtype=float)
    features = np.column_stack([warm + 0.1 * rng.normal(size=1200), rng.normal(size=(1200, 3))])
    known = known_properties(features, scenes)
    assert known["tint: warm"] > 99
    others = [value for name, value in known.items() if not name.startswith("tint")]
    assert all(35 < value < 65 for value in others)


def test_every_property_of_the_world_is_measured():
    names = {name.partition(":")[0] for name, *_ in properties()}
    assert {"kind", "colour", "background", "layout", "relation", "tilt", "vignette"} <= names

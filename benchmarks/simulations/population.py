"""A population of images with known values of all metrics, and samples of it.

Class frequencies are those of Intentonomy's test split (1,217 images, 28 classes, 4 to 347
positives). Labels of an image depend on each other through latent topics. The score of a class is a
logit with a class effect, a shift that all classes of an image share, and noise. The strengths
bring mAP and F1 near published models. N: images, C: classes.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from evaluation import GlobalThreshold, Scored
from evaluation.logits import sigmoid

NUM_IMAGES = 1_217
POPULATION_SIZE = 400_000
# Positives of the 28 classes in Intentonomy's test split.
COUNTS = [313, 29, 30, 51, 131, 70, 279, 91, 48, 75, 68, 143, 73, 43]
COUNTS += [73, 53, 41, 19, 14, 347, 30, 104, 26, 77, 22, 4, 56, 41]
THRESHOLD = 0.35
NUM_TOPICS = 6
SHARED_SHIFT = 0.33  # of all classes of an image, in units of the noise
SCALE = 1.2


@dataclass(frozen=True)
class Population:
    """Distribution of images.

    Attributes:
        frequency: ``(C,)`` share of positives.
        separation: ``(C,)`` distance of the mean logits of positives and negatives.
        topics: ``(T, C)`` loadings of the classes on the latent topics.
    """

    frequency: np.ndarray
    separation: np.ndarray
    topics: np.ndarray

    def sample(self, num_images: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return logits and labels of new images, both ``(N, C)``; labels are 0 and 1."""
        labels = self.labels(num_images, rng)
        return self.logits(labels, rng), labels

    def labels(self, num_images: int, rng: np.random.Generator) -> np.ndarray:
        """Return labels ``(N, C)`` float32 from a Gaussian copula of the topics."""
        num_classes = len(self.frequency)
        topic = rng.standard_normal((num_images, len(self.topics)), dtype=np.float32)
        noise = rng.standard_normal((num_images, num_classes), dtype=np.float32)
        own = np.sqrt(1 - (self.topics**2).sum(axis=0))
        latent = topic @ self.topics.astype(np.float32) + own.astype(np.float32) * noise
        return (latent > _normal_score(1 - self.frequency)).astype(np.float32)

    def logits(self, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return logits of a model for images with these labels, ``(N, C)`` float32."""
        shared = SHARED_SHIFT * rng.standard_normal((len(labels), 1), dtype=np.float32)
        noise = rng.standard_normal(labels.shape, dtype=np.float32)
        return self.logits_from(labels, noise, shared)

    def logits_from(self, labels: np.ndarray, noise: np.ndarray, added: np.ndarray) -> np.ndarray:
        """Return logits for labels and ``noise (N, C)``, with ``added`` in units of the noise."""
        signal = self.separation.astype(np.float32) * labels
        prior = _normal_score(self.frequency)
        return SCALE * (signal + noise + prior + added).astype(np.float32)


def intent_population(seed: int = 0) -> Population:
    """Return the population with Intentonomy's class frequencies."""
    rng = np.random.default_rng(seed)
    frequency = np.array(COUNTS) / NUM_IMAGES
    separation = rng.uniform(1.0, 2.6, size=len(frequency))
    topics = rng.normal(size=(NUM_TOPICS, len(frequency)))
    topics *= 0.5 / np.linalg.norm(topics, axis=0)
    return Population(frequency, separation, topics)


def scored(logits: np.ndarray, labels: np.ndarray, threshold: float = THRESHOLD) -> Scored:
    """Return the split with the decisions of one threshold; logits become probabilities."""
    return Scored.by_rule(sigmoid(logits), labels, GlobalThreshold(threshold))


def _normal_score(probability: np.ndarray) -> np.ndarray:
    return np.array([NormalDist().inv_cdf(p) for p in probability], dtype=np.float32)

"""Meaning of label values and of logit planes, for models, losses and metrics alike."""

NEGATIVE, POSITIVE = 0, 1  # planes of pairs of logits (B, 2, C)
UNKNOWN = -1  # label of an entry that nobody has judged; losses and metrics leave it out

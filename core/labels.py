"""What the numbers of a label and the planes of a pair of logits mean; models, losses and metrics
all read it here.
"""

NEGATIVE, POSITIVE = 0, 1  # planes of pairs of logits (B, 2, C)
UNKNOWN = -1  # label of an entry that nobody has judged; it counts nowhere

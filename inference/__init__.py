"""Prediction with a finished run, or with CLIP and classes of one's own, without a data set."""

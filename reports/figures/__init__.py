"""Figures of a report, one file each: from arrays to inline SVG."""

MAX_CLASSES = 100  # a figure with a part per class shows no more; its table has all

"""Command-line tools around the data and the results; each runs as ``python -m tools.<name>``."""

"""Compare methods on a benchmark: sweep on val with an equal budget, then seeds x splits on test, table and picture."""

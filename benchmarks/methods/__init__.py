"""Compare methods: equal sweeps on val, then seeds x splits on test; a table and a picture."""

"""Benchmarks: speed (one script for each subject) and results of methods (the package methods)."""

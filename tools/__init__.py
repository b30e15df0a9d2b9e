"""Command-line helpers around the data."""

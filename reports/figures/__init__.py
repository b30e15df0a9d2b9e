"""Figures of a report, one file each: from arrays to inline SVG."""

"""Sections of a run's report, one file each: ``section(view)`` gives a Section, or None."""

"""Uncertainty of metrics: intervals of one split, and paired tests between methods.

- ``weighted``: metrics of a split under many sets of image weights at once
- ``intervals``: methods for intervals, and the weights of bootstrap, jackknife and halves
- ``bootstrap``: intervals of all reported metrics and of decision rules that are fitted again
- ``significance``: paired tests of two methods with the seeds of training in the variance
- ``student``: Student's t distribution
"""

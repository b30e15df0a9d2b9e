"""Checks of a data set before training: labels, image files, duplicates, annotators, class texts.

Letters: N images of a split, C classes, U image files of all splits, P pairs of images.
"""

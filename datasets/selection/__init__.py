"""Choices that every data set shares, after its files are read.

In this order: unknown labels (``partial_labels``), a portion of the images (``portion``), a val
split drawn from train (``val_split``), missing images left out (``missing``), some of the classes
(``classes``), few shots (``shots``).
"""

"""Small copies of public data sets, written in the layout of their official releases.

Each module writes one data set and returns what a correct loader must read from it. The modules
know the published file formats only. They share no code with ``datasets/``, so that a
misunderstanding in a loader cannot hide in its test.
"""

"""Download the images of data sets that are released as lists of addresses.

``sources`` reads the lists, ``run`` downloads. The command line is ``python -m tools.download``.
"""

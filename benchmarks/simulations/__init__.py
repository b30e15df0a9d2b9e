"""Simulations of the statistics in ``evaluation``: do intervals and tests keep their promises?"""

"""Weights in the layouts of other releases: in and out again."""

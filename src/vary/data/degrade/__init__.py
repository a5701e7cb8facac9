"""Degradation: what print, paper, scanner and compression do to a drawn page."""

"""Evaluation: metrics, and later tasks, runner and report."""

"""Evaluation: metrics, tasks, systems, the runner and the report."""

"""Training: recipes, objectives, the trainer."""

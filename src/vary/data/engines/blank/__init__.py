"""Pages and pictures without text."""

"""The `association` engine: charts whose title, names and values belong together."""

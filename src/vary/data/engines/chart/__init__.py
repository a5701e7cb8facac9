"""Charts with known values: what is shown, how it looks, and the renderers that draw it."""

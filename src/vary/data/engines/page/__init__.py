"""Pages, tiles and lines, drawn from plain text and fonts."""

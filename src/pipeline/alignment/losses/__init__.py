"""One loss per module: formula, shapes, source."""

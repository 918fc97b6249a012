"""One loss per module: formula, shapes, paper, example."""

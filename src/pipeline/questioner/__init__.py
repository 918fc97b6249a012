"""JADE's model: a questioner and dense captioner (the generator), and an answerer (the filter)."""

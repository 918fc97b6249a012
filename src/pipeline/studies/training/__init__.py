"""One training of a study: variants and their teachers."""

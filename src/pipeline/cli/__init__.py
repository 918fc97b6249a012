"""`finealign`: commands for people."""

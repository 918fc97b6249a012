"""Image encoders by name, and their preprocessing."""

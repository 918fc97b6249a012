"""Published layouts of such data."""

"""The oracle: parses a text and judges it against a scene."""

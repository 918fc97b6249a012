"""Scenes, what is true of them, and their pictures."""

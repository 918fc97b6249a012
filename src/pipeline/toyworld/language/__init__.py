"""Texts about scenes: captions, region phrases, questions."""

"""Texts that stand in for captions, made of an image's region captions and answered questions."""

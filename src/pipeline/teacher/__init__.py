"""Embeddings of a frozen image teacher, computed once per image and stored."""

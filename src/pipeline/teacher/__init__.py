"""Embeddings of a frozen image teacher, computed once per picture and stored."""

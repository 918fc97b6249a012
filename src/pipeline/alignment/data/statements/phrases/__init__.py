"""Phrases without parts of speech: lists of words, answers with articles, where a subject ends."""

"""Counts of generated, kept and rejected rows."""

"""Decoding: key-value cache, sampling, and the tasks of generator and filter model."""

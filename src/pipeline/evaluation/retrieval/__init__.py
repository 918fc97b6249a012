"""Retrieval on the benchmarks."""

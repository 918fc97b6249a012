"""Batches of a training: fetched ahead, fitted into memory, with cached gradients."""

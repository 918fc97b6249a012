"""Streams of random numbers: uniform, independent, and a function of their names alone."""

from __future__ import annotations

import numpy as np

from pipeline.core.counter_rng import stream, uniforms


def test_streams_are_uniform_and_independent_of_position():
    streams = [stream(0, "image", index) for index in range(200)]
    numbers = uniforms(streams, 0, 50)
    assert np.array_equal(numbers[:, 20:30], uniforms(streams, 20, 10))
    assert np.array_equal(numbers[5:6], uniforms(streams[5:6], 0, 50))
    assert numbers.min() >= 0 and numbers.max() < 1
    assert np.abs(np.histogram(numbers, 10, (0, 1))[0] / numbers.size - 0.1).max() < 0.01
    assert abs(np.corrcoef(numbers[:, :-1].ravel(), numbers[:, 1:].ravel())[0, 1]) < 0.03
    assert stream("a", "b") != stream("ab")
    assert stream(1, "x") == stream(1, "x")

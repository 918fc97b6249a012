"""Examples drawn from a seed."""

from pipeline.evaluation.common.draw import Stream, draw_each


def test_examples_are_drawn_for_every_reason():
    names = ["a"] * 50 + ["b"] * 2
    indices = draw_each(names, 3, seed=1, stream=Stream.QA_EXAMPLES)
    assert [names[index] for index in indices] == ["a", "a", "a", "b", "b"]
    assert indices == draw_each(names, 3, seed=1, stream=Stream.QA_EXAMPLES)
    assert indices != draw_each(names, 3, seed=2, stream=Stream.QA_EXAMPLES)
    assert indices != draw_each(names, 3, seed=1, stream=Stream.CAPTION_EXAMPLES)

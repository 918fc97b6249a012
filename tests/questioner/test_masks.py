"""The four-part mask and the positions against the rules, entry by entry; hiding of words."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from pipeline.questioner.masks import four_part_mask, hide_words, positions
from pipeline.questioner.streams import stream, uniforms
from tests.questioner import toy


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 4)), min_size=1, max_size=4))
def test_mask_entry_by_entry(lengths: list[tuple[int, int]]):
    """Target to target causal, target to prompt all, prompt to prompt all, prompt to target nothing."""
    most_t, most_p = (max(pair[part] for pair in lengths) for part in (0, 1))
    target = torch.tensor([[place < t for place in range(most_t)] for t, _ in lengths])
    prompt = torch.tensor([[place < p for place in range(most_p)] for _, p in lengths])
    mask = four_part_mask(target, prompt)
    assert mask.shape == (len(lengths), 1, most_t + most_p, most_t + most_p)
    for row, (t, p) in enumerate(lengths):
        for query in range(most_t + most_p):
            for key in range(most_t + most_p):
                key_in_prompt = key >= most_t
                causal = query < most_t and key <= query and key < t
                expected = key - most_t < p if key_in_prompt else causal
                assert bool(mask[row, 0, query, key]) == expected


def test_positions_restart_in_prompt():
    place, kind = positions(3, 4)
    assert place.tolist() == [0, 1, 2, 0, 1, 2, 3]
    assert kind.tolist() == [0, 0, 0, 1, 1, 1, 1]


def test_prompt_ignores_target_and_words_ignore_later_words():
    """What the mask means, seen from outside: changing a word changes nothing before it."""
    model, tokens = toy.questioner(), toy.tokenizer()
    seen = model.see(model.adapt(toy.images(1)), torch.tensor([0]), torch.tensor([[0.1, 0.2, 0.8, 0.9]]).double())
    prompt = torch.tensor([tokens.pieces("generate what the")])
    one = torch.tensor([tokens.pieces("a red square is left")])
    other = one.clone()
    other[0, 3] = tokens.ids["blue"]
    masks = torch.ones_like(one).bool(), torch.ones_like(prompt).bool()
    states = [
        model(model.words(torch.cat([target, prompt], dim=1)), *masks, model.look(seen))[0] for target in (one, other)
    ]
    assert torch.equal(states[0][:, :3], states[1][:, :3])
    assert not torch.allclose(states[0][:, 3:], states[1][:, 3:])


def hidden(rows: int, length: int, probability: float, words: np.ndarray):
    ids = np.arange(rows * length).reshape(rows, length) % 50 + 100
    candidates = np.ones_like(ids, dtype=bool)
    candidates[:, 0] = False
    candidates[0] = False
    draws = uniforms([stream("hide", row) for row in range(rows)], 0, length * 3).reshape(rows, length, 3)
    return ids, candidates, hide_words(ids, candidates, probability, draws, 3, words)


def test_hidden_shares():
    words = np.arange(1000, 1100)
    ids, candidates, found = hidden(2000, 12, 0.6, words)
    assert not found.chosen[~candidates].any()
    assert abs(found.chosen[candidates].mean() - 0.6) < 0.01
    inputs = found.inputs[found.chosen]
    assert abs((inputs == 3).mean() - 0.8) < 0.01
    assert abs((inputs >= 1000).mean() - 0.1) < 0.01
    assert (found.inputs == ids)[~found.chosen].all()
    assert len(np.unique(inputs[inputs >= 1000])) == 100


def test_at_least_one_hidden_per_row():
    _, _, found = hidden(300, 4, 0.01, np.array([7]))
    assert found.chosen[1:].any(axis=1).all()
    assert not found.chosen[0].any()  # no candidates there
    assert found.chosen[1:].sum(axis=1).mean() < 1.1


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

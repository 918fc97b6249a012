"""The four-part mask and the positions against the rules, entry by entry; the partial and the full masker."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.questioner import toy

from pipeline.core.counter_rng import stream, uniforms
from pipeline.questioner.model.attention_mask import four_part_mask, positions
from pipeline.questioner.training.masking import choose_masked, full_mask, partial_mask

NONE_APPENDED = torch.empty(1, 0, dtype=torch.long)


SIZES = st.tuples(st.integers(1, 5), st.integers(1, 4), st.tuples(st.integers(0, 4), st.integers(0, 4)))


@given(st.lists(SIZES, min_size=1, max_size=4), st.integers(0, 2))
def test_mask_entry_by_entry(rows: list[tuple[int, int, tuple[int, int]]], appended: int):
    """Target to target causal, target to prompt all, prompt to prompt all, prompt to target nothing; an appended [MASK]
    attends to what stands before it, and nothing attends to it."""
    most_t, most_p = max(t for t, _, _ in rows), max(p for _, p, _ in rows)
    target = torch.tensor([[place < t for place in range(most_t)] for t, _, _ in rows])
    prompt = torch.tensor([[place < p for place in range(most_p)] for _, p, _ in rows])
    positions_appended = torch.tensor([places for _, _, places in rows])[:, :appended]
    mask = four_part_mask(target, prompt, positions_appended)
    size = most_t + appended + most_p
    assert mask.shape == (len(rows), 1, size, size)
    for row, (t, p, places) in enumerate(rows):
        position = [*range(most_t), *places[:appended]]
        for query in range(size):
            for key in range(size):
                key_in_prompt = key >= most_t + appended
                asks = query < most_t + appended
                sees = asks and (key == query or (key < t and key < most_t and key < position[query]))
                expected = key - most_t - appended < p if key_in_prompt else sees
                assert bool(mask[row, 0, query, key]) == expected


def test_positions_restart_in_prompt():
    parts = torch.ones(1, 3).bool(), torch.ones(1, 4).bool()
    place, kind = positions(*parts, NONE_APPENDED)
    assert place.tolist() == [[0, 1, 2, 0, 1, 2, 3]]
    assert kind.tolist() == [0, 0, 0, 1, 1, 1, 1]
    place, kind = positions(*parts, torch.tensor([[1, 2]]))
    assert place.tolist() == [[0, 1, 2, 1, 2, 0, 1, 2, 3]]
    assert kind.tolist() == [0, 0, 0, 0, 0, 1, 1, 1, 1]


def test_prompt_ignores_target_and_words_ignore_later_words():
    """What the mask means, seen from outside: changing a word changes nothing before it."""
    model, tokens = toy.questioner(), toy.tokenizer()
    box = torch.tensor([[0.1, 0.2, 0.8, 0.9]]).double()
    cross = model.cross_keys_values(model.adapt(toy.images(1)), torch.tensor([0]), box)
    prompt = torch.tensor([tokens.pieces("generate what the")])
    one = torch.tensor([tokens.pieces("a red square is left")])
    other = one.clone()
    other[0, 3] = tokens.ids["blue"]
    masks = torch.ones_like(one).bool(), torch.ones_like(prompt).bool()
    states = [
        model(model.word_vectors(torch.cat([target, prompt], dim=1)), *masks, cross)[0] for target in (one, other)
    ]
    assert torch.equal(states[0][:, :3], states[1][:, :3])
    assert not torch.allclose(states[0][:, 3:], states[1][:, 3:])


def draws(rows: int, length: int) -> np.ndarray:
    return uniforms([stream("hide", row) for row in range(rows)], 0, length * 3).reshape(rows, length, 3)


def test_shares_of_the_partial_masker():
    words, random = np.arange(1000, 1100), draws(2000, 12)
    ids = np.arange(2000 * 12).reshape(2000, 12) % 50 + 100
    candidates = np.ones_like(ids, dtype=bool)
    candidates[:, 0] = False
    chosen = choose_masked(candidates, 0.6, random[..., 0])
    assert not chosen[~candidates].any()
    assert abs(chosen[candidates].mean() - 0.6) < 0.01
    masked = partial_mask(ids, chosen, random[..., 1:], 3, words)
    inputs = masked[chosen]
    assert abs((inputs == 3).mean() - 0.8) < 0.01
    assert abs((inputs >= 1000).mean() - 0.1) < 0.01
    assert (masked == ids)[~chosen].all()
    assert len(np.unique(inputs[inputs >= 1000])) == 100


def test_at_least_one_word_per_row_is_masked():
    candidates = np.ones((300, 4), dtype=bool)
    candidates[0] = False
    chosen = choose_masked(candidates, 0.01, draws(300, 4)[..., 0])
    assert chosen[1:].any(axis=1).all()
    assert not chosen[0].any()
    assert chosen[1:].sum(axis=1).mean() < 1.1


@given(st.lists(st.lists(st.booleans(), min_size=5, max_size=5), min_size=1, max_size=6))
def test_appended_masks_name_their_words(rows: list[list[bool]]):
    chosen = np.array(rows)
    appended, column = full_mask(chosen)
    row, place = chosen.nonzero()
    assert appended[row, column].tolist() == place.tolist()
    assert appended.shape == (len(rows), max(sum(row) for row in rows))
    assert all(len(set(column[row == one])) == (row == one).sum() for one in range(len(rows)))

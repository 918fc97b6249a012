"""The shared encoder and the teacher queue."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.alignment.losses.teacher_queue import MAX_ENTRIES, TeacherQueue, first_entries
from pipeline.alignment.model.params import SharedEncoderParams
from pipeline.alignment.model.shared_encoder import SharedEncoder, box_pools


def encoder(**changes) -> SharedEncoder:
    torch.manual_seed(0)
    return SharedEncoder(SharedEncoderParams(width=16, heads=2, **changes), 10, 12).eval()


@pytest.mark.parametrize("pooling", ["cls", "mean", "max"])
@pytest.mark.parametrize("blocks", [0, 2])
def test_embeddings_are_normalised_and_ignore_padding(pooling: str, blocks: int) -> None:
    model = encoder(pooling=pooling, blocks=blocks, projection=6)
    tokens, mask = torch.randn(3, 5, 12), torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [1, 0, 0, 0, 0]]).bool()
    found = model.embed("text", tokens, mask)
    assert found.shape == (3, 6) and torch.allclose(found.norm(dim=1), torch.ones(3), atol=1e-5)
    other = torch.where(mask[..., None], tokens, torch.full_like(tokens, 7.0))
    assert torch.allclose(found, model.embed("text", other, mask), atol=1e-5)
    assert torch.allclose(found[:1], model.embed("text", tokens[:1, :3]), atol=1e-5)


def test_both_modalities_pass_the_same_blocks_unless_separate() -> None:
    shared, separate = encoder(blocks=2), encoder(blocks=2, separate=True)
    count = sum(p.numel() for p in shared.blocks.parameters())
    assert sum(p.numel() for p in separate.blocks.parameters()) == 2 * count
    loss = shared.embed("image", torch.randn(2, 3, 10)).sum() + shared.embed("text", torch.randn(2, 4, 12)).sum()
    loss.backward()
    assert all(p.grad is not None for p in shared.parameters())


@pytest.mark.parametrize("pooling", ["mean", "max"])
def test_a_region_that_is_the_whole_image_is_read_out_like_the_image(pooling: str) -> None:
    model = encoder(pooling=pooling, blocks=1)
    tokens = torch.randn(2, 4, 10)
    image, region = model.embed_regions(tokens, torch.full((2, 1, 4), 0.25))
    assert torch.allclose(image, region[:, 0], atol=1e-5)
    assert torch.allclose(image, model.embed("image", tokens), atol=1e-6)


def test_tokens_are_dropped_only_while_training() -> None:
    model = encoder(token_dropout=0.5, pooling="mean", dropout=0.0, skip_dropout=0.0)
    tokens = torch.randn(4, 9, 10)
    assert torch.equal(model.embed("image", tokens), model.embed("image", tokens))
    model.train()
    assert not torch.equal(model.embed("image", tokens), model.embed("image", tokens))


def test_boxes_pool_only_what_they_touch() -> None:
    tokens, weights = torch.randn(1, 4, 3), torch.tensor([[[0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]])
    found = box_pools(["mean", "max"], tokens, weights)
    assert torch.allclose(found[0, 0, :3], tokens[0, :2].mean(0)) and torch.equal(
        found[0, 0, 3:], tokens[0, :2].amax(0)
    )
    assert torch.equal(found[0, 1], torch.zeros(6))


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 9), st.integers(0, 12), st.lists(st.integers(1, 5), max_size=5))
def test_the_queue_holds_the_last_entries(rows: int, size: int, pushes: list[int]) -> None:
    table = torch.arange(rows, dtype=torch.float)[:, None].repeat(1, 2)
    first = first_entries(rows, size, seed=0)
    queue = TeacherQueue(table[first], torch.tensor(first, dtype=torch.long))
    held = min(rows, size)
    assert len(queue.groups) == held and len(set(queue.groups.tolist())) == held
    assert torch.equal(queue.embeddings[:, 0].long(), queue.groups)
    slow, place, next_group = queue.groups.tolist(), 0, 100
    for count in pushes:
        groups = torch.arange(next_group, next_group + count)
        next_group += count
        queue.push(groups[:, None].repeat(1, 2).float(), groups)
        kept = groups.tolist()[-held:] if held else []
        for group in kept:
            slow[place] = group
            place = (place + 1) % held
    assert queue.groups.tolist() == slow
    assert torch.equal(queue.embeddings[:, 0].long(), queue.groups)


def test_the_queue_is_bounded_and_part_of_the_state() -> None:
    assert MAX_ENTRIES == 65_536
    assert len(first_entries(MAX_ENTRIES + 1, MAX_ENTRIES + 1, seed=1)) == MAX_ENTRIES
    queue = TeacherQueue(torch.randn(3, 2), torch.arange(3))
    assert set(queue.state_dict()) == {"embeddings", "groups", "position"}
    assert first_entries(9, 3, seed=1) == first_entries(9, 3, seed=1) != first_entries(9, 3, seed=2)

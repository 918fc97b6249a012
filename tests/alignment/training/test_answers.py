"""Masked answers: texts and numbers, the fused pass, the loss, and training on a tiny world."""

import math
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from safetensors.torch import load_file
from tests.alignment import world
from tests.alignment.training.test_train import gradient, objective
from timm.models.vision_transformer import Block

from pipeline.alignment.data.masked_questions import IGNORED, MaskedQuestions
from pipeline.alignment.data.sampler import Sample
from pipeline.alignment.data.text_table import SCHEMA, ImageTexts
from pipeline.alignment.inputs.image_cache import ImageTokens
from pipeline.alignment.losses.masked_answers import masked_answers, summed_by_image
from pipeline.alignment.model.params import SharedEncoderParams
from pipeline.alignment.model.shared_encoder import SharedEncoder
from pipeline.alignment.training.build_answers import check_masks, read_answers
from pipeline.alignment.training.objective import AlignmentObjective
from pipeline.alignment.training.train import align, assemble
from pipeline.core.errors import UserError
from pipeline.core.files import hash_file
from pipeline.core.stage import Paths
from pipeline.encoders.common.checkpoint import WEIGHTS
from pipeline.encoders.text.encoder import TextEncoder, load_text_encoder
from pipeline.encoders.text.masked_text import pieces, tokenize_masked
from pipeline.tables.triplets import KEPT_DC, KEPT_QA

ALONE = {"contrastive": 0.0, "distillation": 0.0, "regions": 0.0, "questions": 0.0, "answers": 1.0}


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    """The tiny world, where every image is also asked for what its right side shows: an answer of three words."""
    paths = world.make(tmp_path_factory.mktemp("answers"))
    captions = KEPT_DC.read_folder(paths.triplets, "*-dc.parquet").to_pylist()
    right = {row["key"]: row["caption"] for row in captions if row["region_id"] == 1}
    asked = KEPT_QA.read_folder(paths.triplets, "*-qa.parquet").to_pylist()
    more = [row | {"pair_id": 1, "question": "What is the side?", "answer": right[row["key"]]} for row in asked]
    KEPT_QA.write(paths.triplets / "train-00000-qa.parquet", [*asked, *more])
    return paths


def text_encoder(paths: Paths) -> TextEncoder:
    return load_text_encoder(world.params().text_encoder, paths.root)


def image(*asked: tuple[str, str]) -> ImageTexts:
    questions, answers = ([pair[index] for pair in asked] for index in (0, 1))
    row = {"captions": [], "boxes": [], "phrases": [], "questions": questions, "answers": answers, "described": True}
    return ImageTexts(pa.RecordBatch.from_pylist([row], schema=SCHEMA), 0)


def test_answers_become_masks(paths: Paths, capsys: pytest.CaptureFixture[str]) -> None:
    encoder = text_encoder(paths)
    answers = ["red", " Red", "blue", "red and blue", "a " * 9]
    found = read_answers([pa.array(answers), pa.array([], pa.string())], paths.triplets, encoder)
    assert "1 of 5 answers have no word or too many" in capsys.readouterr().out
    (red,), (blue,), both = (pieces(encoder, [answer])[0] for answer in ("red", "blue", "red and blue"))
    assert found.words.tolist() == sorted({red, blue, *both})
    texts = image(*(("What color is the area? ", answer) for answer in answers))
    question = "what color is the area?"
    expected = {(f"{question} [MASK]", (red,)), (f"{question} [MASK]", (blue,)), (question + 3 * " [MASK]", (*both,))}
    for seed in range(5):
        drawn = found.draw(texts, 9, np.random.default_rng(seed))
        assert len(drawn) == 3 and {(text, tuple(ids)) for text, ids in drawn} == expected
        assert found.draw(texts, 2, np.random.default_rng(seed)) == drawn[:2]
    assert found.draw(image(), 2, np.random.default_rng(0)) == []


def test_batches_name_the_words_at_the_masked_places(paths: Paths) -> None:
    answers, encoder = answers_of(objective(paths, loss_weights=ALONE)), text_encoder(paths)
    assert answers.words.tolist() == sorted(set(answers.words.tolist()))
    rng = np.random.default_rng(0)
    texts = [image(("What is it?", "red"), ("What else?", "a blue area")), image(), image(("And there?", "white"))]
    drawn = [answers.draw(own, 2, rng) for own in texts]
    batch = answers.batch(drawn)
    assert batch["owner"].tolist() == [0, 0, 2]
    for row, (text, words) in enumerate([*drawn[0], *drawn[2]]):
        ids = tokenize_masked(encoder, [text])[0][0]
        places = (batch["word"][row] != IGNORED).nonzero()[:, 0]
        assert places.tolist() == (ids == encoder.mask_id).nonzero()[:, 0].tolist()
        assert answers.words[batch["word"][row, places].numpy()].tolist() == words
        assert int(batch["mask"][row].sum()) == len(ids)


def fused(params: SharedEncoderParams) -> tuple[SharedEncoder, dict[str, torch.Tensor]]:
    torch.manual_seed(0)
    model = SharedEncoder(params, 10, 12).eval()
    with torch.no_grad():
        model.type_scale.fill_(1.0)
        for name, dim in (("image", 10), ("text", 12)):
            model.standardise[name].get_buffer("mean").copy_(torch.randn(dim))
    lengths = torch.tensor([3, 5, 4])
    given = {"image": torch.randn(2, 6, 10), "owner": torch.tensor([0, 1, 0]), "text": torch.randn(3, 5, 12)}
    return model, given | {"mask": torch.arange(5) < lengths[:, None]}


def slow_fused(model: SharedEncoder, image: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
    """States [L, width] of one text's tokens [L, D] beside one image's [T, D]; attention written out."""
    parts = []
    for number, (name, tokens) in enumerate((("image", image), ("text", text))):
        x = model.enter[name](model.standardise[name](tokens))
        if name == "image" and model.class_token is not None:
            x = torch.cat([model.class_token[None], x])
        parts.append(x + model.type_scale * model.type_embedding[number])
    x = torch.cat(parts)
    for block in model.blocks["shared"].children():
        assert isinstance(block, Block)
        attn: Any = block.attn
        q, k, v = (part.unflatten(1, (attn.num_heads, -1)) for part in attn.qkv(block.norm1(x)).chunk(3, dim=1))
        attention = (torch.einsum("ihd,jhd->hij", q, k) / q.shape[-1] ** 0.5).softmax(dim=-1)
        x = x + block.ls1.gamma * attn.proj(torch.einsum("hij,jhd->ihd", attention, v).flatten(1))
        mlp: Any = block.mlp
        x = x + block.ls2.gamma * mlp.fc2(torch.nn.functional.gelu(mlp.fc1(block.norm2(x))))
    return x[len(x) - len(text) :]


@pytest.mark.parametrize("changes", [{}, {"pooling": "max"}, {"width": 12, "whiten": True}])
def test_one_sequence_of_both_is_what_one_pair_at_a_time_gives(changes: dict) -> None:
    model, given = fused(SharedEncoderParams(**{"width": 16, "heads": 2, "blocks": 2, **changes}))
    found = model.fuse(**given)
    for row, owner in enumerate(given["owner"]):
        text = given["text"][row, given["mask"][row]]
        expected = slow_fused(model, given["image"][owner], text)
        assert torch.allclose(found[row, : len(text)], expected, atol=1e-5)


def test_padding_and_other_images_change_nothing() -> None:
    model, given = fused(SharedEncoderParams(width=16, heads=2, blocks=2))
    found, mask = model.fuse(**given), given["mask"]
    image = torch.cat([given["image"], torch.randn(1, 6, 10)])
    image[1] = 9.0
    text = torch.where(mask[..., None], given["text"], torch.full_like(given["text"], 7.0))
    other = model.fuse(image, given["owner"], text, mask)
    assert torch.allclose(found[[0, 2]][mask[[0, 2]]], other[[0, 2]][mask[[0, 2]]], atol=1e-5)
    assert not torch.allclose(found[1], other[1], atol=1e-2)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 3), max_size=7), st.integers(2, 5), st.integers(0, 999))
def test_the_loss_and_its_gradient_are_the_formula(owners: list[int], words: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(len(owners), words, generator=generator).requires_grad_()
    word = torch.randint(0, words, (len(owners),), generator=generator)
    sums, counts = summed_by_image(scores, word, torch.tensor(owners, dtype=torch.long), 4)
    loss = masked_answers(sums, counts)
    loss.backward()
    expected, total = torch.zeros(len(owners), words), 0.0
    for place, row in enumerate(scores.tolist()):
        share = [math.exp(value) / sum(map(math.exp, row)) for value in row]
        total -= math.log(share[int(word[place])])
        hit = [float(index == int(word[place])) for index in range(words)]
        expected[place] = (torch.tensor(share) - torch.tensor(hit)) / len(owners)
    assert counts.tolist() == [owners.count(image) for image in range(4)]
    assert float(loss.detach()) == pytest.approx(total / max(1, len(owners)), rel=1e-5)
    assert scores.grad is not None and torch.allclose(scores.grad, expected, atol=1e-6)


def test_blocks_that_are_not_shared_cannot_fuse() -> None:
    for wrong in ({"separate": True}, {"blocks": 0}):
        with pytest.raises(ValidationError, match=r"loss_weights\.answers"):
            world.params(shared_encoder=wrong, loss_weights=ALONE)
        world.params(shared_encoder=wrong)


def test_the_gradient_is_the_same_in_micro_batches(paths: Paths) -> None:
    found = objective(paths, loss_weights={**ALONE, "contrastive": 1.0}, features={"text_layers": [0, 1]})
    whole, expected = gradient(found, paths, None)
    parts, cached = gradient(found, paths, 2)
    assert set(whole) == {"contrastive", "answers"} and parts == pytest.approx(whole, rel=1e-4)
    assert whole["answers"] == pytest.approx(math.log(len(answers_of(found).words)), rel=0.3)
    for a, b in zip(expected, cached, strict=True):
        assert torch.allclose(a, b, atol=1e-5)
    assert all(p.grad is not None and bool(p.grad.any()) for p in found.answer_head.parameters())


def answers_of(found: AlignmentObjective) -> MaskedQuestions:
    answers = found.collator._data.answers
    assert answers is not None
    return answers


def test_the_loss_adds_and_changes_nothing_else(paths: Paths) -> None:
    off, on = objective(paths), objective(paths, loss_weights__answers=1.0)
    state, more = off.state_dict(), on.state_dict()
    assert set(more) - set(state) == {
        f"answer_head.head.{layer}.{part}" for layer in (0, 1) for part in ("weight", "bias")
    }
    assert all(torch.equal(value, more[name]) for name, value in state.items())
    assert off.collator._data.answers is None
    micros = [found.collate(found.batch(2), 2) for found in (off, on)]
    assert set(micros[1]) - set(micros[0]) == {"answers"}
    outputs = [found.outputs(micro) for found, micro in zip((off, on), micros, strict=True)]
    assert set(outputs[1]) - set(outputs[0]) == {"answer_sum", "answer_count"}
    assert all(torch.equal(value, outputs[1][name]) for name, value in outputs[0].items())
    assert "answers" not in off.losses(outputs[0]) and "answers" in on.losses(outputs[1])


def test_images_without_pairs_have_no_part(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    found = objective(paths, loss_weights=ALONE)
    draw = MaskedQuestions.draw
    monkeypatch.setattr(
        MaskedQuestions, "draw", lambda self, texts, *args: [] if texts._row == 3 else draw(self, texts, *args)
    )
    samples = [Sample(3, 0), Sample(4, 1)]
    both = found.outputs(found.collate(samples, 0))
    assert both["answer_count"].tolist() == [0.0, 4.0] and float(both["answer_sum"][0].detach()) == 0.0
    alone = found.outputs(found.collate(samples[:1], 0))
    assert float(found.losses(alone)["answers"]) == 0.0


def trained(found: AlignmentObjective, steps: int) -> float:
    """The loss over all images after some updates."""
    optimiser = torch.optim.AdamW(found.parameters(), lr=0.01)
    for step in range(steps):
        optimiser.zero_grad()
        found.losses(found.outputs(found.collate(found.batch(step), step)))["answers"].backward()
        optimiser.step()
    found.eval()
    with torch.no_grad():
        samples = [Sample(image, image) for image in range(len(found.collator._data.texts))]
        return float(found.losses(found.outputs(found.collate(samples, 0)))["answers"])


def test_answers_are_learned_from_the_images(paths: Paths) -> None:
    def fresh() -> AlignmentObjective:
        return objective(paths, loss_weights=ALONE, shared_encoder={"width": 16, "heads": 2, "pooling": "mean"})

    seeing, blind = fresh(), fresh()
    data = blind.collator._data
    assert isinstance(data.images, ImageTokens)
    rows = np.random.default_rng(0).permutation(len(data.images))
    data.images._places = replace(data.images._places, rows=rows)
    encoder = text_encoder(paths)
    said = [answer for number in rows for _, answer in data.texts[int(number)].asked]
    counts = Counter(word for own in pieces(encoder, said) for word in own)
    shares = [count / counts.total() for count in counts.values()]
    unigram = -sum(share * math.log(share) for share in shares)
    found, shuffled = trained(seeing, 80), trained(blind, 80)
    assert found < 0.5 * unigram and found < 0.7 * shuffled, (found, shuffled, unigram)


def test_the_stage_repeats_itself_and_keeps_the_head_out_of_the_model(paths: Paths) -> None:
    found = []
    for _ in range(2):
        align(world.params(loss_weights__answers=1.0), paths)
        found.append((hash_file(paths.alignment / WEIGHTS), (paths.plots / "training.csv").read_text()))
        for folder in (paths.scratch / "training", paths.scratch / "steps"):
            shutil.rmtree(folder)
    assert found[0] == found[1] and "answers" in found[0][1].splitlines()[0]
    parts = {name.partition(".")[0] for name in load_file(paths.alignment / WEIGHTS)}
    assert parts == {"image_encoder", "text_encoder", "shared"}


def test_mistakes(paths: Paths, tmp_path: Path) -> None:
    given = world.params(loss_weights=ALONE)
    row = KEPT_QA.read_folder(paths.triplets, "*-qa.parquet").to_pylist()[0]
    KEPT_DC.write(tmp_path / "train-00000-dc.parquet", [])
    for rows, message in (([], "no answers to mask"), ([row | {"key": "nowhere"}], "images that are not there")):
        KEPT_QA.write(tmp_path / "train-00000-qa.parquet", rows)
        with pytest.raises(UserError, match=message):
            assemble(given, replace(paths, triplets=tmp_path))
    encoder = text_encoder(paths)
    encoder.mask_id = None
    with pytest.raises(UserError, match="no mask token"):
        check_masks(encoder)

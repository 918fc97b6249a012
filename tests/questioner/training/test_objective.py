"""The three passes against a slow per-sample version: losses and gradients; samples and their sampler."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.questioner import annotated, slow, toy
from tests.training.objectives import assert_micro_batches_change_nothing, assert_slow_version_agrees
from torch import Tensor

from pipeline.core.errors import UserError
from pipeline.questioner.data.dataset import Samples, read_samples
from pipeline.questioner.data.image_inputs import PixelStore, tokens_of
from pipeline.questioner.data.mixture import DataSet, Mixture
from pipeline.questioner.data.params import BalanceParams, SampleParams
from pipeline.questioner.data.sampler import Sampler
from pipeline.questioner.model.build import Limits
from pipeline.questioner.model.questioner import Questioner
from pipeline.questioner.model.region_prompt import token_grid
from pipeline.questioner.model.text_model import shortened, with_dropout
from pipeline.questioner.model.vision import VisionTower
from pipeline.questioner.training.batch import MaskedSequence, collate
from pipeline.questioner.training.objective import GROUNDING, MaskedLMObjective
from pipeline.questioner.training.tasks import FilterObjective, GeneratorObjective
from pipeline.storage.shards import ImageShards

PROMPTS = toy.prompts()
PARAMS = SampleParams(mask_prob=0.6, questions_per_image=2, regions_per_image=2, label_smoothing=0.1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("annotations")
    annotated.write_annotations(path)
    return path


def samples(folder: Path, split: str = "train") -> Samples:
    return read_samples(folder, ImageShards(folder), split, PROMPTS, Limits(30, 30))


def objective(
    folder: Path,
    region_prompt: str = "roi_tokens",
    trained: bool = False,
    task: str = "generator",
    grounding: float = 0.0,
    masking: str = "partial",
) -> MaskedLMObjective:
    encoder = annotated.encoder()
    torch.manual_seed(3)
    text = with_dropout(shortened(toy.questioner(sharpness=2.0, ending=0.0).text, layers=2), 0.0)
    model = Questioner(text, encoder.dim, token_grid(encoder), region_prompt == "roi_tokens").double()
    found = samples(folder)
    store = PixelStore(ImageShards(folder), found.keys, encoder.preprocessing)
    tokens = tokens_of(encoder, store, range(len(found.keys)), torch.device("cpu"))
    vision = VisionTower(encoder, trained, region_prompt == "mask_channel").double()
    images = store if trained or region_prompt == "mask_channel" else tokens.double()
    kind = GeneratorObjective if task == "generator" else FilterObjective
    data = Mixture([DataSet(found, images, folder)], PARAMS, 5, 0)
    params = PARAMS.model_copy(update={"grounding_weight": grounding, "masking": masking})
    return kind(vision, model, PROMPTS, params, data, data, 3, 0.5)


Readings = list[tuple[list[int], int]]
"""For every masked word of a sequence the target that the model reads, and the word's place there."""


def readings(objective: MaskedLMObjective, sequence: MaskedSequence) -> Readings:
    """What the model reads for each masked word; with the full masker, as in decoding: the words before, and [MASK]."""
    tokenizer = objective.prompts.tokenizer
    batch = collate([sequence], tokenizer, objective.words, objective.params.masking)
    if objective.params.masking == "full":
        assert batch["target"][0].tolist() == list(sequence.target)
        return [([*sequence.target[:place], tokenizer.mask], place) for place in batch["appended"][0].tolist()]
    return [(batch["target"][0].tolist(), place) for place in batch["column"].tolist()]


def read(model: Questioner, tokens: Tensor, sequence: MaskedSequence, target: list[int]) -> tuple[Tensor, Tensor]:
    """The model's result for one target and the prompt, [1,T,D] each; `tokens` [M,D] are those of the box."""
    ids, prompt = torch.tensor([target]), torch.tensor([list(sequence.prompt)])
    vectors = model.word_vectors(torch.cat([ids, prompt], dim=1))
    masks = (torch.ones_like(part).bool() for part in (ids, prompt))
    return model(vectors, *masks, slow.cross_keys_values(model, tokens[None]))


def slow_word_losses(model: Questioner, tokens: Tensor, sequence: MaskedSequence, readings: Readings) -> Tensor:
    """Sum of the losses of one sequence, word by word."""
    total = torch.zeros((), dtype=torch.float64)
    for target, place in readings:
        states, _ = read(model, tokens, sequence, target)
        scores = model.logits(states[0, place]).log_softmax(0)
        smooth = PARAMS.label_smoothing
        total = total - (1 - smooth) * scores[sequence.target[place]] - smooth * scores.mean()
    return total


def slow_grounding_loss(model: Questioner, tokens: Tensor, sequence: MaskedSequence, readings: Readings) -> Tensor:
    """Sum over a sequence's masked words of -log of their attention to the target box, cell by cell."""
    box = sequence.target_box
    assert box is not None
    keys_of_heads = slow.cross_keys_values(model, tokens[None])[-1][0][0]
    attention = model.text.bert.cross_attentions[-1]
    total = torch.zeros((), dtype=torch.float64)
    for target, place in readings:
        _, attended = read(model, tokens, sequence, target)
        inside = torch.zeros((), dtype=torch.float64)
        query = attention.query(attended[0, place]).reshape(attention.heads, -1)
        for head in range(attention.heads):
            keys = keys_of_heads[head, : model.grid.tokens]
            shares = (keys @ query[head] / query.shape[1] ** 0.5).softmax(0)
            for share, cell in zip(shares, model.grid.cells().tolist(), strict=True):
                width = max(0.0, min(box[2], cell[2]) - max(box[0], cell[0])) / (cell[2] - cell[0])
                height = max(0.0, min(box[3], cell[3]) - max(box[1], cell[1])) / (cell[3] - cell[1])
                inside = inside + share * width * height / attention.heads
        total = total - inside.log()
    return total


def slow_losses(objective: MaskedLMObjective, step: int) -> dict[str, Tensor]:
    """The losses sample by sample and sequence by sequence, without padding."""
    names = (*objective.passes, GROUNDING)
    sums = {name: torch.zeros((), dtype=torch.float64) for name in names}
    counts = dict.fromkeys(sums, 0)
    for item in objective.batch(step):
        boxes, kinds = objective.sequences(item, objective.mixture.data_sets[0].samples, 0, step)
        (alone,) = objective.collate([item], step)
        encoded = objective.vision.encode(alone["images"])
        corners = torch.tensor(np.asarray(boxes), dtype=torch.float64)
        image_of_box = torch.zeros(len(boxes)).long()
        tokens = slow.box_tokens_of_images(objective.vision, objective.questioner, encoded, image_of_box, corners)
        for sequence in (sequence for kind in kinds for sequence in kind):
            words = readings(objective, sequence)
            assert words
            assert all(sequence.start <= place < sequence.end for _, place in words)
            name = objective.passes[sequence.loss]
            parts = objective.questioner, tokens[sequence.box], sequence, words
            sums[name] = sums[name] + slow_word_losses(*parts)
            counts[name] += len(words)
            if sequence.target_box is not None:
                sums[GROUNDING] = sums[GROUNDING] + slow_grounding_loss(*parts)
                counts[GROUNDING] += len(words)
    means = {name: sums[name] / max(counts[name], 1) for name in names}
    present = sum(counts[name] > 0 for name in objective.passes)
    found = {name: means[name] / present for name in objective.passes}
    weight = objective.params.grounding_weight
    assert (counts[GROUNDING] > 0) == (weight > 0)
    return found | ({GROUNDING: weight * means[GROUNDING]} if weight else {})


@pytest.mark.parametrize(
    ("region_prompt", "trained", "task", "grounding", "masking"),
    [
        ("roi_tokens", False, "generator", 0.0, "partial"),
        ("roi_tokens", False, "generator", 0.7, "partial"),
        ("roi_tokens", False, "generator", 0.7, "full"),
        ("mask_channel", True, "generator", 0.0, "partial"),
        ("coordinates", True, "filter", 0.7, "partial"),
        ("coordinates", True, "filter", 0.7, "full"),
    ],
)
def test_losses_and_gradients_equal_slow_version(
    folder: Path, region_prompt: str, trained: bool, task: str, grounding: float, masking: str
):
    fast = objective(folder, region_prompt, trained, task, grounding, masking)
    fast.train()
    assert_slow_version_agrees(fast, slow_losses(fast, 4), 4)


def test_micro_batches_change_nothing(folder: Path):
    """The training loop's gradient in two parts is that of the whole batch."""
    assert_micro_batches_change_nothing(objective(folder), objective(folder), batch_size=5, micro=1)


def test_label_smoothing_counts_in_training_only(folder: Path):
    part = objective(folder)
    micro = part.collate(part.batch(0), 0)
    in_training, in_evaluation = (part.train(mode).outputs(micro)["question_sum"].sum() for mode in (True, False))
    assert not torch.allclose(in_training, in_evaluation)


def test_samples(folder: Path):
    found = samples(folder)
    assert found.keys == ["image0", "image1", "image3", "image4", "image6", "image7"]
    assert found.regions.first.tolist() == [0, 0, 2, 4, 6, 8, 10]
    assert found.questions.first.tolist() == [0, 2, 2, 4, 6, 8, 10]
    assert found.too_long == {"regions": 0, "questions": 5}
    texts = [PROMPTS.text(found.questions.pieces[row]) for row in (0, 1)]
    assert texts == ["what colour is it?", "is there a square?"]
    assert found.questions.captions.tolist()[:4] == [-1, -1, 2, -1]  # image 0 has no region
    assert PROMPTS.text(found.questions.phrases[2]) == "a red square"
    first, end = found.questions.answer_first[1:3]
    assert [found.questions.types[entry] for entry in range(first, end)] == ["yes", "yes", "no"]
    assert found.questions.boxes[1].tolist() == [0, 0, 1, 1]


def test_short_limits_drop_samples(folder: Path):
    found = read_samples(folder, ImageShards(folder), "train", PROMPTS, Limits(5, 30))
    assert found.too_long == {"regions": 0, "questions": 15}
    with pytest.raises(UserError, match="nothing to train on"):
        Sampler(found, PARAMS.model_copy(update={"regions_per_image": 0}), 4, 0, where=folder)


def test_sampler_is_a_function_of_the_step(folder: Path):
    found = samples(folder)
    one, other = (Sampler(found, PARAMS, 4, 7, folder) for _ in range(2))
    assert one.batch(3) == other.batch(3)
    assert one.batch(3) != one.batch(4)
    drawn = [item for step in range(200) for item in one.batch(step)]
    assert {item.image for item in drawn} == set(range(6))
    for item in drawn:
        assert all(found.questions.first[item.image] <= q < found.questions.first[item.image + 1]
                   for q, _ in item.questions)  # fmt: skip
        assert len(item.questions) == (0 if item.image == 1 else 2)
        assert len(item.regions) == (0 if item.image == 0 else 2)
    entries = [entry for item in drawn for question, entry in item.questions if question == 1]
    first = found.questions.answer_first[1]
    assert np.bincount(np.array(entries) - first)[2] / len(entries) == pytest.approx(1 / 3, abs=0.1)


@pytest.mark.parametrize(("strength", "share"), [(0.0, 1 / 3), (1.0, 1 / 2)])
def test_balance(folder: Path, strength: float, share: float):
    """Two of six images are of source a: strength 1 gives both sources half."""
    found = samples(folder)
    rare = [name == "a" for name in found.sources]
    assert sum(rare) / len(rare) == pytest.approx(1 / 3)
    params = SampleParams(mask_prob=0.6, balance=BalanceParams(sources=strength))
    sampler = Sampler(found, params, 1, 0, folder)
    drawn = [sampler.batch(step)[0].image for step in range(600)]
    assert np.mean([rare[image] for image in drawn]) == pytest.approx(share, abs=0.06)

"""The three passes against a slow per-sample version: losses and gradients; samples and their sampler."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.questioner import annotated, toy
from tests.training.objectives import update_gradient
from torch import Tensor

from pipeline.core.errors import UserError
from pipeline.questioner.model.questioner import Questioner
from pipeline.questioner.model.region_prompt import token_grid
from pipeline.questioner.model.text_model import shortened
from pipeline.questioner.model.vision import Sight
from pipeline.questioner.training.batch import Row, tensors
from pipeline.questioner.training.dataset import Limits, Samples, read_samples
from pipeline.questioner.training.image_inputs import PixelStore, all_tokens
from pipeline.questioner.training.objective import POINTING, FilterObjective, GeneratorObjective, HiddenWords
from pipeline.questioner.training.params import BalanceParams, SampleParams
from pipeline.questioner.training.sampler import Sampler
from pipeline.storage.shards import ImageShards
from pipeline.training.params import TrainingParams

PROMPTS = toy.prompts()
PARAMS = SampleParams(hidden_share=0.6, questions_per_image=2, regions_per_image=2, label_smoothing=0.1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("annotations")
    annotated.write_annotations(path)
    return path


def samples(folder: Path, split: str = "train") -> Samples:
    return read_samples(folder, ImageShards(folder), split, PROMPTS, Limits(30, 30))


def objective(
    folder: Path,
    cue: str = "feature",
    trained: bool = False,
    task: str = "generator",
    pointing: float = 0.0,
    masking: str = "in_place",
) -> HiddenWords:
    encoder = annotated.encoder()
    torch.manual_seed(3)
    text = shortened(toy.questioner(sharpness=2.0, ending=0.0).text, layers=2, dropout=0.0)
    model = Questioner(text, encoder.dim, token_grid(encoder), cue == "feature").double()
    found = samples(folder)
    store = PixelStore(ImageShards(folder), found.keys, encoder.preprocessing)
    tokens = all_tokens(encoder, store, torch.device("cpu"))
    assert tokens is not None
    sight = Sight(encoder, trained, cue == "pixel").double()
    sampler = Sampler(found, PARAMS, 5, 0, folder)
    pictures = store if trained or cue == "pixel" else tokens.double()
    kind = GeneratorObjective if task == "generator" else FilterObjective
    val = (sampler.fixed(3), found, pictures)
    params = PARAMS.model_copy(update={"pointing_weight": pointing, "masking": masking})
    return kind(sight, model, PROMPTS, params, (sampler, pictures), val, 0.5)


Said = list[tuple[list[int], int]]
"""For every hidden word of a row the target that the model reads, and the word's place there."""


def said(objective: HiddenWords, row: Row) -> Said:
    """With copies, as in decoding: the words before, and a [MASK]."""
    tokenizer = objective.prompts.tokenizer
    hidden = tensors([row], tokenizer, objective.words, objective.params.masking)
    if objective.params.masking == "copy":
        assert hidden["target"][0].tolist() == list(row.target)
        return [([*row.target[:place], tokenizer.mask], place) for place in hidden["copies"][0].tolist()]
    return [(hidden["target"][0].tolist(), place) for place in hidden["column"].tolist()]


def row_loss(model: Questioner, seen: Tensor, row: Row, said: Said) -> Tensor:
    """Sum of the losses of one row, word by word."""
    total = torch.zeros((), dtype=torch.float64)
    for inputs, place in said:
        target, prompt = torch.tensor([inputs]), torch.tensor([list(row.prompt)])
        words = model.words(torch.cat([target, prompt], dim=1))
        states, _ = model(words, *(torch.ones_like(part).bool() for part in (target, prompt)), model.look(seen[None]))
        scores = model.logits(states[0, place]).log_softmax(0)
        smooth = PARAMS.label_smoothing
        total = total - (1 - smooth) * scores[row.target[place]] - smooth * scores.mean()
    return total


def row_missed(model: Questioner, seen: Tensor, row: Row, said: Said) -> Tensor:
    """Sum over a row's hidden words of -log of the attention that they pay to the row's aim, cell by cell."""
    looked = model.look(seen[None])
    attention = model.text.bert.cross_attentions[-1]
    total = torch.zeros((), dtype=torch.float64)
    assert row.aim is not None
    for inputs, place in said:
        target, prompt = torch.tensor([inputs]), torch.tensor([list(row.prompt)])
        words = model.words(torch.cat([target, prompt], dim=1))
        _, looking = model(words, *(torch.ones_like(part).bool() for part in (target, prompt)), looked)
        paid = torch.zeros((), dtype=torch.float64)
        query = attention.query(looking[0, place]).reshape(attention.heads, -1)
        for head in range(attention.heads):
            keys = looked[-1][0][0, head, : model.grid.tokens]
            shares = (keys @ query[head] / query.shape[1] ** 0.5).softmax(0)
            for share, cell in zip(shares, model.grid.cells().tolist(), strict=True):
                width = max(0.0, min(row.aim[2], cell[2]) - max(row.aim[0], cell[0])) / (cell[2] - cell[0])
                height = max(0.0, min(row.aim[3], cell[3]) - max(row.aim[1], cell[1])) / (cell[3] - cell[1])
                paid = paid + share * width * height / attention.heads
        total = total - paid.log()
    return total


def slow_losses(objective: HiddenWords, step: int) -> dict[str, Tensor]:
    """The losses sample by sample and row by row, without padding."""
    names = (*objective.losses_named, POINTING)
    sums = {name: torch.zeros((), dtype=torch.float64) for name in names}
    counts = dict.fromkeys(sums, 0)
    for item in objective.batch(step):
        boxes, kinds = objective.rows(item, objective.sampler.samples, 0, step)
        alone = objective.collate([item], step)
        encoded = objective.sight.encode(alone["images"])
        corners = torch.tensor(np.asarray(boxes), dtype=torch.float64)
        seen = objective.sight.seen(objective.model, encoded, torch.zeros(len(boxes)).long(), corners)
        for row in (row for kind in kinds for row in kind):
            words = said(objective, row)
            assert words
            assert all(row.start <= place < row.end for _, place in words)
            name = objective.losses_named[row.loss]
            sums[name] = sums[name] + row_loss(objective.model, seen[row.view], row, words)
            counts[name] += len(words)
            if row.aim is not None:
                sums[POINTING] = sums[POINTING] + row_missed(objective.model, seen[row.view], row, words)
                counts[POINTING] += len(words)
    means = {name: sums[name] / max(counts[name], 1) for name in names}
    present = sum(counts[name] > 0 for name in objective.losses_named)
    found = {name: means[name] / present for name in objective.losses_named}
    weight = objective.params.pointing_weight
    assert (counts[POINTING] > 0) == (weight > 0)
    return found | ({POINTING: weight * means[POINTING]} if weight else {})


@pytest.mark.parametrize(
    ("cue", "trained", "task", "pointing", "masking"),
    [
        ("feature", False, "generator", 0.0, "in_place"),
        ("feature", False, "generator", 0.7, "in_place"),
        ("feature", False, "generator", 0.7, "copy"),
        ("pixel", True, "generator", 0.0, "in_place"),
        ("none", True, "filter", 0.7, "in_place"),
        ("none", True, "filter", 0.7, "copy"),
    ],
)
def test_losses_and_gradients_equal_slow_version(
    folder: Path, cue: str, trained: bool, task: str, pointing: float, masking: str
):
    fast = objective(folder, cue, trained, task, pointing, masking)
    named = {name: parameter for name, parameter in fast.named_parameters() if parameter.requires_grad}
    fast.train()
    slow = slow_losses(fast, 4)
    expected = torch.autograd.grad(torch.stack(list(slow.values())).sum(), list(named.values()), allow_unused=True)
    found = fast.losses(fast.outputs(fast.collate(fast.batch(4), 4)))
    assert set(found) == set(slow)
    for name in slow:
        assert found[name].item() == pytest.approx(slow[name].item(), rel=1e-6), name
    torch.stack(list(found.values())).sum().backward()
    for (name, parameter), gradient in zip(named.items(), expected, strict=True):
        reference = torch.zeros_like(parameter) if gradient is None else gradient
        actual = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        assert torch.allclose(actual, reference, atol=2e-7, rtol=1e-4), name


def test_micro_batches_change_nothing(folder: Path):
    """The training loop's gradient in two parts is that of the whole batch."""
    gradients = []
    for micro in (None, 1):
        part = objective(folder).eval()
        params = TrainingParams(seed=0, steps=1, batch_size=5, micro_batch_size=micro, learning_rate=0.1)
        update_gradient(part, 0, params)
        gradients.append({name: p.grad for name, p in part.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        assert torch.allclose(gradient, gradients[1][name], atol=1e-6), name


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
    params = SampleParams(hidden_share=0.6, balance=BalanceParams(sources=strength))
    sampler = Sampler(found, params, 1, 0, folder)
    drawn = [sampler.batch(step)[0].image for step in range(600)]
    assert np.mean([rare[image] for image in drawn]) == pytest.approx(share, abs=0.06)

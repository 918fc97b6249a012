"""The three tasks against a slow version, text by text: losses and gradients; and the pairs behind them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.questioner import annotated, slow, toy
from tests.training.objectives import assert_micro_batches_change_nothing, assert_slow_version_agrees
from torch import Tensor

from pipeline.questioner.data.dataset import Samples, read_samples
from pipeline.questioner.data.image_inputs import PixelStore, tokens_of
from pipeline.questioner.data.mixture import DataSet, Mixture
from pipeline.questioner.data.pairs import read_pairs
from pipeline.questioner.data.params import Masking, Mixing, SampleParams
from pipeline.questioner.model.build import Limits
from pipeline.questioner.model.checkpoint import QuestionerModules
from pipeline.questioner.model.contrast import ContrastConfig, ContrastiveHeads
from pipeline.questioner.model.prompts import CONTRAST_TASK, IMAGE_CAPTION_TASK, MASKED_WORDS_TASK
from pipeline.questioner.model.questioner import Questioner
from pipeline.questioner.model.region_prompt import token_grid
from pipeline.questioner.model.text_model import shortened, with_dropout
from pipeline.questioner.model.vision import VisionTower
from pipeline.questioner.pretraining.objective import PretrainObjective, Tasks
from pipeline.questioner.pretraining.params import PretrainParams
from pipeline.questioner.training.batch import MaskedSequence, collate
from pipeline.questioner.training.objective import GROUNDING
from pipeline.storage.boxes import FULL_IMAGE
from pipeline.storage.shards import ImageShards

PROMPTS = toy.prompts()
FULL_BOX = torch.tensor([FULL_IMAGE], dtype=torch.float64)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pairs")
    annotated.write_pairs(path)
    return path


def samples(folder: Path, split: str = "train") -> Samples:
    return read_pairs(ImageShards(folder), split, PROMPTS, Limits(30, 30))


def annotated_samples(folder: Path) -> Samples:
    if not (folder / "annotations").is_dir():
        annotated.write_annotations(folder / "annotations")
    return read_samples(folder / "annotations", ImageShards(folder / "annotations"), "train", PROMPTS, Limits(30, 30))


def params(**changed: object) -> PretrainParams:
    return PretrainParams.model_validate(
        {
            "model": {"train_image_encoder": False},
            "samples": {"max_tokens": 30, "masked_words_prob": 0.4},
            "validation": {"images_while_training": 2},
            "training": {"seed": 0, "steps": 6, "batch_size": 3, "learning_rate": 0.01},
            **changed,
        }
    )


def objective(
    folder: Path,
    token_wise: bool = False,
    region_prompt: str = "roi_tokens",
    masking: Masking = "partial",
    weights: dict[str, float] | None = None,
    batch_size: int = 5,
    mixing: Mixing | None = None,
) -> PretrainObjective:
    """The objective on pairs; with `mixing` on annotations too, half of the images each."""
    encoder = annotated.encoder()
    torch.manual_seed(3)
    text = with_dropout(shortened(toy.questioner(sharpness=2.0, ending=0.0).text, layers=2), 0.0)
    model = Questioner(text, encoder.dim, token_grid(encoder), region_prompt == "roi_tokens").double()
    heads = ContrastiveHeads(text.config.hidden_size, ContrastConfig(8, token_wise)).double()
    data_sets = []
    for found in (samples(folder), *([annotated_samples(folder)] if mixing else [])):
        shards = ImageShards(folder / "annotations" if data_sets else folder)
        store = PixelStore(shards, found.keys, encoder.preprocessing)
        tokens = tokens_of(encoder, store, range(len(found.keys)), torch.device("cpu")).double()
        data_sets.append(DataSet(found, store if region_prompt == "mask_channel" else tokens, folder))
    vision = VisionTower(encoder, region_prompt == "mask_channel", region_prompt == "mask_channel").double()
    default = {"contrastive": 1.5, "caption": 1.0, "masked_words": 1.0, "answer": 0.8, "region_caption": 1.2}
    tasks = Tasks(default | (weights or {}), masked_words_prob=0.4, temperature=0.07)
    grounding = 0.3 if mixing else 0.0
    given = SampleParams(mask_prob=0.9, regions_per_image=2, max_tokens=30, masking=masking, grounding_weight=grounding)
    data = Mixture(data_sets, given, batch_size, 0, mixing or "one_per_update")
    modules = QuestionerModules(vision, model, heads)
    return PretrainObjective(modules, PROMPTS, given, tasks, data, data, 3, 0.5).double()


def slow_sequence(
    objective: PretrainObjective, tokens: Tensor, sequence: MaskedSequence
) -> tuple[Tensor, Tensor | None, int]:
    """Sums of the losses and of the grounding losses of one sequence's masked words, and their number.

    Each word is read by itself; `tokens` [1,M,D] are those of the box.
    """
    model, tokenizer = objective.questioner, objective.prompts.tokenizer
    batch = collate([sequence], tokenizer, objective.words, objective.params.masking)
    full = bool(batch["appended"].shape[1])
    places = batch["appended"][0].tolist() if full else batch["column"].tolist()
    total, grounding = torch.zeros((), dtype=torch.float64), torch.zeros((), dtype=torch.float64)
    cross = slow.cross_keys_values(model, tokens)
    for place in places:
        read = [*sequence.target[:place], tokenizer.mask] if full else batch["target"][0].tolist()
        ids, prompt = torch.tensor([read]), torch.tensor([list(sequence.prompt)])
        vectors = model.word_vectors(torch.cat([ids, prompt], dim=1))
        masks = (torch.ones_like(part).bool() for part in (ids, prompt))
        states, attended = model(vectors, *masks, cross, causal=sequence.causal)
        total = total - model.logits(states[0, place]).log_softmax(0)[sequence.target[place]]
        if sequence.target_box is not None:
            box = torch.tensor([sequence.target_box], dtype=torch.float64)
            grounding = grounding + model.grounding_loss(attended[:, place], cross[-1][0], box)[0]
    return total, grounding if sequence.target_box is not None else None, len(places)


def slow_text(objective: PretrainObjective, pieces: list[int]) -> Tensor:
    """Final states [T,D] of one caption, read without padding and without the image."""
    ids = torch.tensor([PROMPTS.closed(pieces)])
    prompt = torch.tensor([PROMPTS.task_prompt(CONTRAST_TASK)])
    bert = objective.questioner.text.bert
    position = torch.cat([torch.arange(ids.shape[1]), torch.arange(prompt.shape[1])])
    types = torch.tensor([0] * ids.shape[1] + [1] * prompt.shape[1])
    states = bert(torch.cat([ids, prompt], dim=1), position_ids=position, token_type_ids=types)
    return states[0, : ids.shape[1]]


def unit(vector: Tensor) -> Tensor:
    return vector / vector.norm()


def slow_similarity(objective: PretrainObjective, image: Tensor, text: Tensor) -> Tensor:
    """One image's tokens [N,D] against one text's states [T,D]."""
    heads = objective.contrast
    assert heads is not None
    whole = unit(heads.image(image.mean(dim=0)))
    if heads.text_weight is None:
        return whole @ unit(heads.text(text[0]))
    words = [unit(heads.text(state)) for state in text]
    weights = torch.stack([heads.text_weight(word)[0] for word in words]).softmax(0)
    weighted = sum(weight * (whole @ word) for weight, word in zip(weights, words, strict=True))
    return (weighted + max(whole @ word for word in words)) / 2


def slow_losses(objective: PretrainObjective, step: int) -> dict[str, Tensor]:
    """The losses text by text, and the contrastive loss pair by pair."""
    names = (*objective.passes, GROUNDING)
    sums = {name: [torch.zeros((), dtype=torch.float64), 0] for name in names}
    described, whole, texts = [], [], []
    for item in objective.batch(step):
        found = objective.mixture.data_sets[item.data_set].samples
        boxes, kinds = objective.sequences(item, found, 0, step)
        (alone,) = objective.collate([item], step)
        encoded, first = objective.vision.encode(alone["images"]), torch.zeros(len(boxes)).long()
        corners = torch.tensor(np.asarray(boxes), dtype=torch.float64)
        tokens = slow.box_tokens_of_images(objective.vision, objective.questioner, encoded, first, corners)
        for sequence in (sequence for kind in kinds for sequence in kind):
            loss, grounding, count = slow_sequence(objective, tokens[sequence.box][None], sequence)
            for name, value in ((objective.passes[sequence.loss], loss), (GROUNDING, grounding)):
                if value is not None:
                    sums[name] = [sums[name][0] + value, sums[name][1] + count]
        if item.caption is not None:
            adapted, _ = objective.vision.adapted_tokens(objective.questioner, encoded, first[:1], FULL_BOX)
            described.append((item.data_set, item.image, tuple(found.captions.pieces[item.caption])))
            whole.append(adapted[0])
            texts.append(slow_text(objective, found.captions.pieces[item.caption]))
    weights = objective.weights | {GROUNDING: objective.params.grounding_weight}
    losses = {name: weights[name] * total / max(count, 1) for name, (total, count) in sums.items() if weights[name]}
    if objective.contrast is None:
        return losses
    return losses | {"contrastive": weights["contrastive"] * slow_contrast(objective, described, whole, texts)}


def slow_contrast(
    objective: PretrainObjective,
    described: list[tuple[int, int, tuple[int, ...]]],
    whole: list[Tensor],
    texts: list[Tensor],
) -> Tensor:
    """InfoNCE row by row and column by column; what has the same image or the same text is no negative."""
    if not described:
        return torch.zeros((), dtype=torch.float64)
    same = [[a[:2] == b[:2] or a[2] == b[2] for b in described] for a in described]
    scores = [[objective.scale() * slow_similarity(objective, image, text) for text in texts] for image in whole]
    terms = []
    for table, positive in ((scores, same), (list(zip(*scores, strict=True)), list(zip(*same, strict=True)))):
        for row, right in zip(table, positive, strict=True):
            wrong = [score for score, is_right in zip(row, right, strict=True) if not is_right]
            own = [score for score, is_right in zip(row, right, strict=True) if is_right]
            terms.append(sum(-(s - torch.stack([s, *wrong]).logsumexp(0)) for s in own) / len(own))
    return torch.stack(terms).mean()


@pytest.mark.parametrize(
    ("token_wise", "region_prompt", "masking", "weights", "mixing"),
    [
        (False, "roi_tokens", "partial", {}, None),
        (True, "roi_tokens", "full", {}, None),
        (False, "mask_channel", "partial", {}, None),
        (True, "coordinates", "partial", {"caption": 0.5}, None),
        (False, "roi_tokens", "full", {"contrastive": 0.0, "masked_words": 2.0}, None),
        (False, "coordinates", "partial", {"caption": 0.0, "masked_words": 0.0}, None),
        (True, "roi_tokens", "full", {}, "mixed"),
        (False, "mask_channel", "partial", {}, "mixed"),
        (False, "roi_tokens", "partial", {}, "one_per_update"),
    ],
)
def test_losses_and_gradients_equal_the_slow_version(
    folder: Path,
    token_wise: bool,
    region_prompt: str,
    masking: Masking,
    weights: dict[str, float],
    mixing: Mixing | None,
):
    fast = objective(folder, token_wise, region_prompt, masking, weights, mixing=mixing)
    fast.train()
    assert_slow_version_agrees(fast, slow_losses(fast, 4), 4)


@pytest.mark.parametrize(("token_wise", "mixing"), [(False, None), (True, None), (True, "mixed")])
def test_micro_batches_change_nothing(folder: Path, token_wise: bool, mixing: Mixing | None):
    """The training loop's gradient in parts is that of the whole batch, of the contrastive loss too."""
    whole, parts = (objective(folder, token_wise, batch_size=4, mixing=mixing) for _ in range(2))
    assert_micro_batches_change_nothing(whole, parts, batch_size=4, micro=2)


def test_masked_words_see_both_sides_and_captions_only_what_stands_before(folder: Path):
    """Of a causal target no word depends on a later one; of one that is read in both directions all do."""
    part = objective(folder)
    pieces = part.mixture.data_sets[0].samples.captions.pieces[0]
    target = torch.tensor([PROMPTS.closed(pieces)])
    prompt = torch.tensor([PROMPTS.task_prompt(MASKED_WORDS_TASK)])
    masks = torch.ones_like(target).bool(), torch.ones_like(prompt).bool()
    for causal in (True, False):
        vectors = part.questioner.word_vectors(torch.cat([target, prompt], dim=1)).detach().requires_grad_()
        states, _ = part.questioner(vectors, *masks, None, causal=causal)
        (states[0, 2] * torch.arange(states.shape[2])).sum().backward()  # The sum of a LayerNorm is constant.
        assert vectors.grad is not None
        reached = vectors.grad[0].abs().sum(dim=-1) > 0
        length = target.shape[1]
        assert reached[:3].all() and reached[length:].all()
        assert reached[3:length].all() != causal and reached[3:length].any() != causal


def test_the_validation_figure_counts_every_loss(folder: Path):
    part = objective(folder).eval()
    with torch.no_grad():
        figures = part.validate()
    assert set(figures) == {"negative_loss", "contrastive", "caption", "masked_words", "answer", "region_caption"}
    assert figures["negative_loss"] == pytest.approx(-sum(v for k, v in figures.items() if k != "negative_loss"))


def test_the_prompts_are_three(folder: Path):
    prompts = {tuple(PROMPTS.task_prompt(task)) for task in (CONTRAST_TASK, IMAGE_CAPTION_TASK, MASKED_WORDS_TASK)}
    assert len(prompts) == 3
    assert np.ptp([len(prompt) for prompt in prompts]) <= 2


def test_a_training_without_any_task_is_refused():
    with pytest.raises(ValueError, match="at least one weight"):
        params(weights={"contrastive": 0.0, "caption": 0.0, "masked_words": 0.0})

"""The supervised teacher of the toy world: labels of whole pictures, and that they are learned."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scripts.pretraining.classifier import Classifier, share_found, uniform_labels
from scripts.pretraining.labelled_pictures import Pictures

from pipeline.encoders.image.builtin_vit import builtin_vit
from pipeline.encoders.image.timm_model import preprocessing_of
from pipeline.training.loop import train
from pipeline.training.params import TrainingParams

COLOURS = ((230, 30, 30), (30, 230, 30), (30, 30, 230))


def test_labels_are_uniform_over_distinct_classes() -> None:
    found = uniform_labels([[2], [0, 3, 3], {1, 2, 0, 3}], 4)
    expected = [[0, 0, 1, 0], [0.5, 0, 0, 0.5], [0.25, 0.25, 0.25, 0.25]]
    torch.testing.assert_close(found, torch.tensor(expected))


def test_share_found_counts_pictures_alike() -> None:
    logits = torch.tensor([[3.0, 2.0, 1.0, 0.0], [3.0, 2.0, 1.0, 0.0], [0.0, 1.0, 2.0, 3.0]])
    labels = uniform_labels([[0, 1], [0, 3], [0]], 4)
    assert share_found(logits, labels) == pytest.approx(100 * (1 + 0.5 + 0) / 3)


def test_classifier_learns_what_pictures_show(tmp_path: Path) -> None:
    """Pictures with one or two coloured squares, whose places no label tells."""
    rng = np.random.default_rng(0)
    pictures, occurring = np.full((100, 96, 96, 3), 128, dtype=np.uint8), []
    for picture in pictures:
        chosen = rng.choice(len(COLOURS), rng.integers(1, 3), replace=False).tolist()
        for left, colour in zip(rng.permutation([8, 56]), chosen, strict=False):
            picture[30:70, left : left + 32] = COLOURS[colour]
        occurring.append(chosen)
    torch.manual_seed(0)
    encoder = builtin_vit(stem=(4, 6, 8), embed_dim=16, depth=1, num_heads=2, batch_norm=True, num_classes=3)
    labels = uniform_labels(occurring, encoder.num_classes)
    objective = Classifier(encoder, Pictures(pictures, preprocessing_of(encoder, {}), 16, 0, held_out=20), labels)
    params = TrainingParams(seed=0, steps=30, batch_size=16, learning_rate=1e-2, eval_every=30, log_every=1)
    history = train(objective, params, name="test", fingerprint="x", scratch=tmp_path, device="cpu")
    losses = [row["classes"] for row in history.training]
    entropy = -(labels * labels.clamp(min=1e-9).log()).sum(dim=1).mean().item()
    assert np.mean(losses[-10:]) - entropy < 0.3 * (np.mean(losses[:5]) - entropy)
    with torch.no_grad():
        assert objective.validate()["found"] > 95

"""The linear probe and its control."""

from pathlib import Path

import numpy as np
import torch
from scripts.pretraining.labelled_pictures import Pictures
from scripts.pretraining.probe import box_features, over_boxes, probe, things_of
from scripts.pretraining.supervised import Supervised

from pipeline.encoders.image.builtin_vit import builtin_vit
from pipeline.encoders.image.timm_model import preprocessing_of
from pipeline.training.loop import train
from pipeline.training.params import TrainingParams


def test_over_boxes_averages_the_covered_tokens() -> None:
    grids = torch.arange(72.0).view(2, 1, 6, 6)
    boxes = torch.tensor([[0.0, 0.0, 1.0, 1.0], [1 / 6, 2 / 6, 2 / 6, 3 / 6]])
    found = over_boxes(grids, torch.tensor([1, 0]), boxes)
    torch.testing.assert_close(found[0], torch.tensor([36 + 17.5]), atol=0.1, rtol=0)
    torch.testing.assert_close(found[1], torch.tensor([13.0]))


def test_probe_reads_what_is_linear_and_nothing_else() -> None:
    torch.manual_seed(0)
    features = torch.randn(2000, 8)
    labels = {"linear": (features[:, 0] > 0).long(), "noise": torch.randint(0, 2, (2000,))}
    boxes = torch.cat([features[:, 1:3], features[:, 1:3] + 0.2], dim=1)
    things = [
        (features[part], things_of([boxes[part].tolist()], [[
            {name: int(of[index]) for name, of in labels.items()} for index in range(part.start, part.stop)
        ]]))
        for part in (slice(0, 1500), slice(1500, 2000))
    ]  # fmt: skip
    figures = probe(things[0][0], things[0][1], things[1][0], things[1][1])
    assert figures["linear"] > 95
    assert figures["noise"] < 60
    assert figures["position"] > 99


def test_control_learns_labels(tmp_path: Path) -> None:
    """Boxes that are red or blue."""
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 2, 80)
    pictures = np.full((80, 96, 96, 3), 128, dtype=np.uint8)
    for picture, colour in zip(pictures, colours, strict=True):
        picture[20:60, 30:70] = (230, 30, 30) if colour else (30, 30, 230)
    box = [30 / 96, 20 / 96, 70 / 96, 60 / 96]
    things = things_of([[box]] * 80, [[{"colour": int(colour)}] for colour in colours])
    torch.manual_seed(0)
    encoder = builtin_vit(stem=(4, 6, 8), embed_dim=16, depth=1, num_heads=2, batch_norm=True)
    preprocessing = preprocessing_of(encoder, {})
    objective = Supervised(encoder, Pictures(pictures, preprocessing, 16, 0, held_out=20), things)
    params = TrainingParams(seed=0, steps=20, batch_size=16, learning_rate=5e-3, eval_every=20)
    train(objective, params, name="test", fingerprint="x", scratch=tmp_path, device="cpu")
    with torch.no_grad():
        assert objective.validate()["right"] == 100
    features = box_features(encoder.eval().forward_features, pictures, things, preprocessing)
    assert features.shape == (80, 16)

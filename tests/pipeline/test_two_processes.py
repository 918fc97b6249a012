"""`stages/align.py` as two processes: every start reaches its end, and all give the same bytes: the model of one.

STARTS=10 runs it, with so many starts; each takes half a minute of two cores.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from tests.pipeline.conftest import Clone
from tests.pipeline.small_chain import SmallChain, copy_chain

from pipeline.encoders.common.checkpoint import WEIGHTS, read_tensors

STARTS = int(os.environ.get("STARTS", "0"))
STEPS = 50
LOSS, WEIGHT, RECALL = 1e-4, 4e-5, 1.0
"""Largest differences by rounding: of a loss (relative), of a weight, and of a recall in percent (one image of 100)."""


@pytest.fixture
def chain(smoke: Clone, tmp_path: Path) -> Iterator[SmallChain]:
    """What `align` reads. Micro-batches divide either process's share, so that the same values are dropped."""
    training = {"steps": STEPS, "eval_every": STEPS, "log_every": 1, "micro_batch_size": 16, "learning_rate": 3e-4}
    with copy_chain(smoke, tmp_path, "data/pairs", "data/teacher", "data/triplets") as made:
        Clone(tmp_path).edit(**{f"align__training__{name}": value for name, value in training.items()})
        yield made


class Result(NamedTuple):
    """What a start gave. curve: a row for each update."""

    curve: list[dict[str, float]]
    recalls: dict[str, float]
    weights: dict[str, torch.Tensor]


def read_result(root: Path) -> Result:
    """The result of the last start."""
    with (root / "results/align/plots/training.csv").open(encoding="utf-8") as file:
        curve = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    val = json.loads((root / "results/align/metrics.json").read_text(encoding="utf-8"))["retrieval"]["val"]
    recalls = {f"{way} {name}": val[way][name] for way in ("text_to_image", "image_to_text") for name in val[way]}
    weights = read_tensors(root / "models/alignment" / WEIGHTS)
    for name in (name for name in weights if name.endswith("attn.qkv.bias")):
        query, _, value = weights[name].chunk(3)
        weights[name] = torch.cat([query, value])  # A bias of keys changes no output; rounding alone moves it.
    return Result(curve, recalls, weights)


@pytest.mark.skipif(not STARTS, reason="STARTS says how often")
def test_every_start_of_two_processes_gives_the_model_of_one(chain: SmallChain) -> None:
    chain.run("align", FINEALIGN_PROCESSES="1")
    expected = read_result(chain.root)
    starts = [chain.run("align", FINEALIGN_PROCESSES="2") for _ in range(STARTS)]
    assert all(start == starts[0] for start in starts)
    found = read_result(chain.root)
    assert len(found.curve) == STEPS
    for row, right in zip(found.curve, expected.curve, strict=True):
        assert row == pytest.approx(right, rel=LOSS)
    assert found.recalls == pytest.approx(expected.recalls, abs=RECALL)
    torch.testing.assert_close(found.weights, expected.weights, atol=WEIGHT, rtol=0)

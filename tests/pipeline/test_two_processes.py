"""`stages/align.py` as two processes: every start reaches its end, and all give the same bytes: the model of one.

STARTS=10 starts so often, for 50 updates; otherwise once, for 10.
"""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.pipeline.conftest import Clone
from tests.pipeline.small_chain import SmallChain, copy_chain

from pipeline.encoders.common.checkpoint import WEIGHTS, read_tensors

STARTS = int(os.environ.get("STARTS", "1"))
STEPS = 50 if "STARTS" in os.environ else 10
LOSSES, WEIGHT = 1e-4, 4e-5
"""Largest differences that rounding makes: of a loss, as a share of it, and of a weight."""
SHARE_OF_VAL = 2.0
"""Of a retrieval figure, in percent: one image in fifty whose order changes."""


@pytest.fixture
def chain(smoke: Clone, tmp_path: Path) -> SmallChain:
    """What `align` reads. Micro-batches divide either process's share, so that the same values are dropped."""
    made = copy_chain(smoke, tmp_path, "data/pairs", "data/teacher", "data/triplets")
    training = {"steps": STEPS, "eval_every": STEPS, "log_every": 1, "micro_batch_size": 16, "learning_rate": 3e-4}
    Clone(tmp_path).edit(**{f"align__training__{name}": value for name, value in training.items()})
    return made


def results(root: Path) -> tuple[list[dict[str, float]], dict[str, Any], dict[str, torch.Tensor]]:
    """The curve of losses, the metrics and the weights of the last start."""
    with (root / "results/align/plots/training.csv").open(encoding="utf-8") as file:
        curve = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    metrics = json.loads((root / "results/align/metrics.json").read_text(encoding="utf-8"))
    return curve, metrics, read_tensors(root / "models/alignment" / WEIGHTS)


def test_every_start_of_two_processes_gives_the_model_of_one(chain: SmallChain) -> None:
    chain.run("align", FINEALIGN_PROCESSES="1")
    curve, metrics, weights = results(chain.root)
    starts = [chain.run("align", FINEALIGN_PROCESSES="2") for _ in range(STARTS)]
    assert all(start == starts[0] for start in starts)
    found = results(chain.root)
    print(
        found[0][-1], curve[-1], {k: float((found[2][k] - weights[k]).abs().max()) for k in weights}, found[1], metrics
    )
    assert len(curve) == STEPS
    for row, expected in zip(found[0], curve, strict=True):
        assert row == pytest.approx(expected, rel=LOSSES)
    assert found[1]["training"] == metrics["training"]
    torch.testing.assert_close(found[2], weights, atol=WEIGHT, rtol=0)

"""A program that pre-trains a model as one of several processes."""

import os
import sys
from dataclasses import replace
from pathlib import Path

from tests.questioner.small import FEW_IMAGES, ONE_LAYER, shared_training

from pipeline.core.stage import Paths
from pipeline.questioner.pretraining.params import PretrainParams
from pipeline.questioner.pretraining.train import Pretraining

PARAMS = PretrainParams.model_validate(
    {
        "model": ONE_LAYER,
        "contrast": {"width": 16, "token_wise": True},
        "samples": {"max_tokens": 30},
        "validation": FEW_IMAGES,
        "training": shared_training(4),
    }
)


def main() -> None:
    """`two_processes.py ROOT`: train below it; this process's model goes to ROOT/model-RANK."""
    root, rank = Path(sys.argv[1]), os.environ["RANK"]
    paths = replace(Paths.of(root, "pretrain"), pretrained=root / f"model-{rank}", results=root / f"results-{rank}")
    Pretraining(PARAMS, paths).run()


if __name__ == "__main__":
    main()

"""A program that trains a generator as one of several processes."""

import os
import sys
from dataclasses import replace
from pathlib import Path

from tests.questioner.small import FEW_IMAGES, ONE_LAYER, shared_training

from pipeline.core.stage import Paths
from pipeline.questioner.training.params import TrainGeneratorParams
from pipeline.questioner.training.train import QuestionerTraining

PARAMS = TrainGeneratorParams.model_validate(
    {
        "model": ONE_LAYER,
        "samples": {"mask_prob": 0.6},
        "validation": FEW_IMAGES,
        "training": shared_training(4),
    }
)


def main() -> None:
    """`two_processes.py ROOT`: train below it; this process's model goes to ROOT/model-RANK."""
    root, rank = Path(sys.argv[1]), os.environ["RANK"]
    paths = replace(
        Paths.of(root, "train_generator"), generator=root / f"model-{rank}", results=root / f"results-{rank}"
    )
    QuestionerTraining(PARAMS, paths).run()


if __name__ == "__main__":
    main()

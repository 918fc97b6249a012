"""A program that pre-trains a model as one of several processes."""

import os
import sys
from dataclasses import replace
from pathlib import Path

from pipeline.core.stage import Paths
from pipeline.questioner.pretraining.params import PretrainParams
from pipeline.questioner.pretraining.train import Pretraining

PARAMS = PretrainParams.model_validate(
    {
        "model": {"train_image_encoder": False, "text": {"layers": 1}},
        "contrast": {"width": 16, "token_wise": True},
        "samples": {"max_tokens": 30},
        "validation": {"images_while_training": 2},
        "training": {
            "seed": 0,
            "steps": 4,
            "batch_size": 4,
            "micro_batch_size": 2,
            # AdamW makes full steps of gradients that are nothing but rounding, so steps are small.
            "learning_rate": 3e-4,
            "eval_every": 2,
        },
    }
)


def main() -> None:
    """`two_processes.py ROOT`: train below it; this process's model goes to ROOT/model-RANK."""
    root, rank = Path(sys.argv[1]), os.environ["RANK"]
    paths = replace(Paths.of(root, "pretrain"), pretrained=root / f"model-{rank}", results=root / f"results-{rank}")
    Pretraining(PARAMS, paths).run()


if __name__ == "__main__":
    main()

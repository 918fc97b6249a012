"""A program that runs the stage's body as one of several processes, several times."""

import os
import sys
from dataclasses import replace
from pathlib import Path

from tests.alignment import world

from pipeline.alignment.params import AlignParams
from pipeline.alignment.training.train import align
from pipeline.core.stage import Paths

DROPOUT = {"width": 16, "heads": 2, "dropout": 0.3, "skip_dropout": 0.2}


def params() -> AlignParams:
    """With dropout, in micro-batches that divide either process's share.

    The learning rate is small, since AdamW makes full steps of gradients that are nothing but rounding.
    """
    image = {**world.IMAGE, "options": world.SMALL}
    given = world.params(image_encoder=image, shared_encoder=DROPOUT, training__micro_batch_size=2)
    return given.model_copy(update={"training": given.training.model_copy(update={"learning_rate": 3e-4})})


def main() -> None:
    """`two_processes.py ROOT …`: align below each root; this process's model goes to ROOT/model-RANK."""
    rank = os.environ["RANK"]
    for root in map(Path, sys.argv[1:]):
        paths = Paths.of(root, "align")
        align(params(), replace(paths, alignment=root / f"model-{rank}", results=root / f"results-{rank}"))


if __name__ == "__main__":
    main()

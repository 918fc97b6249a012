"""A program that fine-tunes a model as one of several processes."""

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.questioner.small import FEW_IMAGES, shared_training

from pipeline.core.stage import Paths
from pipeline.questioner.finetuning.params import FinetuneParams
from pipeline.questioner.finetuning.train import Finetuning


def task(name: str, source: str, validate_on: str, **more: Any) -> dict[str, Any]:
    """A downstream task."""
    return {
        "name": name,
        "task": name,
        "train_on": source,
        "validate_on": validate_on,
        "validation": FEW_IMAGES,
        "training": shared_training(2),
        **more,
    }


CONTINUED = {
    "data": {"pairs": 1, "triplets": 1, "annotations": 1},
    "mixing": "mixed",
    "images_while_training": 2,
    "training": shared_training(4, eval_every=4),
}
PARAMS = FinetuneParams.model_validate(
    {
        "continued": CONTINUED,
        "tasks": [
            task("questions", "annotations", "annotations", most=4),
            task("captions", "pairs", "benchmarks/captioned"),
            task("retrieval", "benchmarks/captioned", "benchmarks/captioned"),
        ],
    }
)
CONTINUED_PARAMS = FinetuneParams.model_validate({"continued": CONTINUED, "tasks": []})


def main() -> None:
    """`two_processes.py ROOT FOLDER`: go on with pre-training; this process's model goes to FOLDER/models-RANK."""
    root, folder, rank = Path(sys.argv[1]), Path(sys.argv[2]), os.environ["RANK"]
    paths = replace(
        Paths.of(root, "finetune"),
        finetuned=folder / f"models-{rank}",
        results=folder / f"results-{rank}",
        scratch=folder / "scratch-of-two",
    )
    Finetuning(CONTINUED_PARAMS, paths).run()


if __name__ == "__main__":
    main()

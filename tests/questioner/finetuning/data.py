"""What a fine-tuning needs, at the smallest size."""

from __future__ import annotations

import shutil
from dataclasses import replace

from tests.questioner import annotated
from tests.questioner.pretraining import two_processes as pretrained_by

from pipeline.core.stage import Paths
from pipeline.questioner.pretraining.train import Pretraining


def write_data(paths: Paths) -> None:
    """Pairs, triplets, annotations, a benchmark with captions, and a pre-trained model."""
    annotated.write_pairs(paths.pairs)
    annotated.write_triplets(paths.triplets)
    annotated.write_annotations(paths.annotations)
    shutil.copytree(paths.pairs, paths.benchmarks / "captioned")
    Pretraining(pretrained_by.PARAMS, replace(paths, results=paths.root / "results" / "pretrain")).run()

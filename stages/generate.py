"""Ask the generator about every training image (and, if val_split says so, val image): captions, questions, answers.

Reads   data/pairs/  models/generator/  and, where boxes ask for it, data/raw/
Writes  data/generated/  results/generate/
Paper   JADE (arXiv 2305.11769): inference, by top-K sampling and two-stage sampling
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

if __name__ == "__main__":
    from pipeline.core.process.interruption import end_on_signals

    end_on_signals()

from pipeline.core.stage import Paths, stage
from pipeline.triplets.generate.params import GenerateParams


@stage(writes=["generated"])
def main(params: GenerateParams, paths: Paths) -> dict:
    from pipeline.execution.shard_map import map_shards
    from pipeline.storage.shards import ImageShards
    from pipeline.tables.splits import TRAIN, VAL, val_folder
    from pipeline.triplets.generate.boxes_by_shard import boxes_by_shard
    from pipeline.triplets.generate.step import GenerateStep
    from pipeline.triplets.statistics.generated import generated_metrics

    pairs = ImageShards(paths.pairs)
    step = GenerateStep(params, paths.generator)
    folders = {TRAIN: paths.generated} | ({VAL: val_folder(paths.generated)} if params.val_split else {})
    names = [name for split in folders for name in pairs.shards(split)]
    with boxes_by_shard(params, paths.root, pairs, names, paths.scratch) as (boxes, dropped):
        for split, folder in folders.items():
            map_shards(step, step.shards(pairs, boxes, split), {"generated": folder}, paths.scratch)
    images = sum(pairs.rows(name).num_rows for name in pairs.shards(TRAIN))
    return generated_metrics(paths.generated, images, dropped)


if __name__ == "__main__":
    main()

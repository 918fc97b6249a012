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
    from pipeline.tables.splits import VAL, val_folder
    from pipeline.triplets.generate.box_check import check_boxes
    from pipeline.triplets.generate.step import GenerateStep
    from pipeline.triplets.statistics.generated import generated_metrics

    pairs = ImageShards(paths.pairs)
    dropped_boxes = check_boxes(params.boxes, paths.root, pairs.keys)
    step = GenerateStep(params, paths.generator, paths.root)
    shards = step.shards(pairs)
    map_shards(step, shards, into={"generated": paths.generated}, scratch=paths.scratch)
    if params.val_split:
        into = {"generated": val_folder(paths.generated)}
        map_shards(step, step.shards(pairs, VAL), into, scratch=paths.scratch)
    images = sum(pairs.rows(shard.name).num_rows for shard in shards)
    return generated_metrics(paths.generated, images, dropped_boxes)


if __name__ == "__main__":
    main()

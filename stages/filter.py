"""Keep the generated pairs on which a second model agrees.

Reads   data/generated/  data/pairs/  models/filter/
Writes  data/triplets/  data/rejected/  results/filter/
Paper   JADE (arXiv 2305.11769): inference, where a pair is kept if generator and filter model agree
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

if __name__ == "__main__":
    from pipeline.core.process.interruption import end_on_signals

    end_on_signals()

from pipeline.core.stage import Paths, stage
from pipeline.triplets.filter.params import FilterParams


@stage(writes=["triplets", "rejected"])
def main(params: FilterParams, paths: Paths) -> dict:
    from pipeline.execution.shard_map import map_shards
    from pipeline.storage.shards import ImageShards
    from pipeline.tables.splits import VAL, has_val_rows, val_folder
    from pipeline.triplets.filter.step import FilterStep, generated_shards
    from pipeline.triplets.statistics.filtered import filter_metrics
    from pipeline.triplets.statistics.plots import write_plots

    step, pairs = FilterStep(params, paths.filter_model), ImageShards(paths.pairs)
    into = {"kept": paths.triplets, "rejected": paths.rejected}
    map_shards(step, generated_shards(paths.generated, pairs), into, paths.scratch)
    if has_val_rows(paths.generated):
        into = {name: val_folder(folder) for name, folder in into.items()}
        map_shards(step, generated_shards(val_folder(paths.generated), pairs, VAL), into, paths.scratch)
    metrics = filter_metrics(paths.triplets, paths.rejected)
    write_plots(metrics, paths.plots)
    return metrics


if __name__ == "__main__":
    main()

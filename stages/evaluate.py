"""Measure retrieval on the benchmarks.

Reads   models/alignment/  data/benchmarks/  data/pairs/
Writes  results/evaluate/
Paper   S-SMKE, section 4.1: image-text retrieval
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

if __name__ == "__main__":
    from pipeline.core.process.interruption import end_on_signals

    end_on_signals()

from pipeline.core.stage import Paths, stage
from pipeline.evaluation.retrieval.params import EvaluateParams


@stage()
def main(params: EvaluateParams, paths: Paths) -> dict:
    from pipeline.core.settings import load_inputs, read_params
    from pipeline.evaluation.common.judge import true_captions
    from pipeline.evaluation.retrieval.embedding import AlignedEmbedder
    from pipeline.evaluation.retrieval.measure import measure_retrieval
    from pipeline.evaluation.retrieval.zero_shot import Seen, generator_compared
    from pipeline.storage.shards import ImageShards

    embedder = AlignedEmbedder(paths.alignment, params.batch_size)
    annotations, distance = read_params(paths.params).get("fetch_annotations") or {}, params.duplicate_distance
    compared = generator_compared(load_inputs(paths.params), annotations, distance)
    seen = Seen(ImageShards(paths.pairs).manifest, distance, compared)
    return {"retrieval": measure_retrieval(params, paths.benchmarks, embedder, true_captions, seen, paths.results)}


if __name__ == "__main__":
    main()

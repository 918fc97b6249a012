"""Measure retrieval on the benchmarks, and the quality of the generated data before and after the filter.

Reads   models/alignment/  data/benchmarks/  data/pairs/  data/triplets/  data/rejected/  results/train_*/held_out/
Writes  results/evaluate/
Paper   S-SMKE, section 4.1: image-text retrieval
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from pipeline.evaluation.params import EvaluateParams
from pipeline.stage import Paths, stage


@stage()
def main(params: EvaluateParams, paths: Paths) -> dict:
    from pipeline.evaluation.embedding import AlignedEmbedder
    from pipeline.evaluation.measure_data import measure_data
    from pipeline.evaluation.measure_models import measure_models
    from pipeline.evaluation.measure_retrieval import measure_retrieval
    from pipeline.evaluation.toyworld_judge import ToyWorldJudge, true_captions
    from pipeline.storage.images import ImageShards

    pairs = ImageShards(paths.pairs).manifest
    urls = dict(zip(pairs["key"].to_pylist(), pairs["url"].to_pylist(), strict=True))
    judge = ToyWorldJudge()
    embedder = AlignedEmbedder(paths.alignment, params.batch_size)
    return {
        "retrieval": measure_retrieval(
            params, paths.benchmarks, embedder, true_captions, pairs["sha256"].to_pylist(), paths.results
        ),
        "data_quality": measure_data(params, paths.triplets, paths.rejected, urls, judge, paths.results),
        "held_out": measure_models(paths.all_results, judge),
    }


if __name__ == "__main__":
    main()

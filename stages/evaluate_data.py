"""Measure the generated data before and after the filter, and what generator and filter model say of held-out images.

On the toy world an oracle judges; of photographs, annotations that were held back from training (split judge). If
annotations are held back for the final measurement (split test), both models are measured on these.

Reads   data/triplets/  data/rejected/  data/pairs/  data/annotations/  results/train_*/held_out/
        models/generator/  models/filter/
Writes  results/evaluate_data/
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

if __name__ == "__main__":
    from pipeline.core.process.interruption import end_on_signals

    end_on_signals()

from pipeline.core.stage import Paths, stage
from pipeline.evaluation.data_quality.params import EvaluateDataParams


@stage()
def main(params: EvaluateDataParams, paths: Paths) -> dict:
    from pipeline.evaluation.annotation_judge.judge import AnnotationJudge
    from pipeline.evaluation.common.judge import ToyWorldJudge
    from pipeline.evaluation.data_quality.measure_generated import measure_generated
    from pipeline.evaluation.data_quality.measure_held_out import measure_held_out
    from pipeline.evaluation.data_quality.row_judge import RowJudge
    from pipeline.evaluation.test_split.rows import AnnotatedRows
    from pipeline.storage.shards import ImageShards
    from pipeline.tables.splits import TEST

    pairs, oracle = ImageShards(paths.pairs), ToyWorldJudge()
    judge = RowJudge(pairs.urls, oracle, AnnotationJudge.read(paths.annotations, pairs))
    metrics = {
        "data_quality": measure_generated(params, paths.triplets, paths.rejected, pairs, judge, paths.results),
        "held_out": measure_held_out(paths.all_results, oracle),
    }
    if test := AnnotatedRows.read(paths.annotations, TEST):
        from pipeline.evaluation.test_split.measure import FinalEvaluation  # torch, which nothing else here needs

        metrics["test"] = FinalEvaluation(params, paths, test).run()
    return metrics


if __name__ == "__main__":
    main()

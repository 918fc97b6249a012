"""Measure the fine-tuned models on benchmarks: answers to questions, captions, retrieval with re-ranking.

Reads   models/finetuned/  models/alignment/  data/benchmarks/  data/annotations/  data/pairs/
Writes  results/evaluate_finetuned/
Paper   JADE (arXiv 2305.11769): the downstream tasks; VisualGPTScore (arXiv 2306.01879): re-ranking
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

if __name__ == "__main__":
    from pipeline.core.process.interruption import end_on_signals

    end_on_signals()

from pipeline.core.stage import Paths, stage
from pipeline.evaluation.finetuned.params import EvaluateFinetunedParams


@stage()
def main(params: EvaluateFinetunedParams, paths: Paths) -> dict:
    from pipeline.evaluation.finetuned.measure import FinetunedEvaluation

    return FinetunedEvaluation(params, paths).run()


if __name__ == "__main__":
    main()

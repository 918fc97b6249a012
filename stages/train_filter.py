"""Train the filter model, which answers questions about whole images.

Reads   data/annotations/  and the encoders that the parameters name
Writes  models/filter/  results/train_filter/
Paper   JADE (arXiv 2305.11769): training of the filter model, as VALOR (arXiv 2304.08345) learns VQA
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

if __name__ == "__main__":
    from pipeline.core.process.interruption import end_on_signals

    end_on_signals()

from pipeline.core.stage import Paths, stage
from pipeline.questioner.training.params import TrainFilterParams


@stage(writes=["filter_model"], trains=True)
def main(params: TrainFilterParams, paths: Paths) -> dict:
    from pipeline.questioner.training.train import QuestionerTraining

    return QuestionerTraining(params, paths).run()


if __name__ == "__main__":
    main()

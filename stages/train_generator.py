"""Train the generator: region captions, questions and answers (JADE).

Reads   data/annotations/  and the encoders that the parameters name
Writes  models/generator/  results/train_generator/
Paper   JADE (arXiv 2305.11769): training of the generator, by dense captions and question-answer pairs
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

if __name__ == "__main__":
    from pipeline.core.process.interruption import end_on_signals

    end_on_signals()

from pipeline.core.stage import Paths, stage
from pipeline.questioner.training.params import TrainGeneratorParams


@stage(writes=["generator"], trains=True)
def main(params: TrainGeneratorParams, paths: Paths) -> dict:
    from pipeline.questioner.training.train import QuestionerTraining

    return QuestionerTraining(params, paths).run()


if __name__ == "__main__":
    main()

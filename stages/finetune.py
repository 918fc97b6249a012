"""Fine-tune the pre-trained model on downstream tasks, after pre-training that goes on with the triplets.

Reads   models/pretrained/  data/pairs/  data/annotations/  data/benchmarks/  and the triplets that `inputs` names
Writes  models/finetuned/  results/finetune/
Paper   JADE (arXiv 2305.11769): pre-training with the generated data, and the downstream tasks
"""

import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

if __name__ == "__main__":
    from pipeline.core.process.interruption import end_on_signals

    end_on_signals()

from pipeline.core.settings import load_inputs
from pipeline.core.stage import Paths, stage
from pipeline.questioner.finetuning.params import FinetuneParams


@stage(writes=["finetuned"], trains=True)
def main(params: FinetuneParams, paths: Paths) -> dict:
    from pipeline.questioner.finetuning.train import Finetuning

    inputs = load_inputs(paths.params)
    return Finetuning(params, replace(paths, triplets=paths.root / inputs.triplets)).run()


if __name__ == "__main__":
    main()

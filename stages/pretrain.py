"""Pre-train the questioner's model on image-caption pairs: contrast, captions, masked words (VALOR's recipe).

Reads   data/pairs/  and the encoders that the parameters name
Writes  models/pretrained/  results/pretrain/
Paper   VALOR (arXiv 2304.08345): pre-training, from which JADE starts
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

if __name__ == "__main__":
    from pipeline.core.process.interruption import end_on_signals

    end_on_signals()

from pipeline.core.stage import Paths, stage
from pipeline.questioner.pretraining.params import PretrainParams


@stage(writes=["pretrained"], trains=True)
def main(params: PretrainParams, paths: Paths) -> dict:
    from pipeline.questioner.pretraining.train import Pretraining

    return Pretraining(params, paths).run()


if __name__ == "__main__":
    main()

"""Train the shared encoder that images and texts both pass, on top of two pretrained encoders.

Reads   data/pairs/  data/teacher/  the triplets of `inputs.triplets`  and, where named, data/raw/encoders/
Writes  models/alignment/  results/align/
Paper   S-SMKE, sections 3.2 to 3.4: contrastive learning, distillation, initialisation
"""

import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

if __name__ == "__main__":
    from pipeline.core.process.interruption import end_on_signals

    end_on_signals()

from pipeline.alignment.params import AlignParams
from pipeline.core.settings import load_inputs
from pipeline.core.stage import Paths, stage


@stage(writes=["alignment"], trains=True)
def main(params: AlignParams, paths: Paths) -> dict:
    from pipeline.alignment.training.train import align

    inputs = load_inputs(paths.params)
    return align(params, replace(paths, triplets=paths.root / inputs.triplets))


if __name__ == "__main__":
    main()

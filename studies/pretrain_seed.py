"""Build the chain's model with one seed, and pre-train it: where the starts of the study of few labels begin.

Reads   params.yaml  data/pairs/  and the encoders that the parameters name
Writes  studies/data/pretrained/<seed>/
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

if __name__ == "__main__":
    from pipeline.core.process.interruption import end_on_signals

    end_on_signals()

from pipeline.core.stage import run_command


def main(seed: int) -> None:
    from pipeline.studies.study.pretrain import pretrain_seed

    pretrain_seed(ROOT, seed)


main.__doc__ = __doc__

if __name__ == "__main__":
    run_command(main)

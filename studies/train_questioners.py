"""Train generator and filter model from one start of the study `init_from` with one seed.

Reads   params.yaml  studies/params.yaml  studies/data/pretrained/  data/annotations/
Writes  studies/data/init_from/  studies/results/init_from/
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

if __name__ == "__main__":
    from pipeline.core.process.interruption import end_on_signals

    end_on_signals()

from pipeline.core.stage import run_command


def main(start: str, seed: int) -> None:
    from pipeline.studies.init_from.train import train_start

    train_start(ROOT, start, seed)


main.__doc__ = __doc__

if __name__ == "__main__":
    run_command(main)

"""Train one variant of a study with one seed, and rank the first benchmark's queries by the model.

Reads   params.yaml  studies/params.yaml  data/pairs/  data/triplets/  data/benchmarks/  data/teacher/ or studies/data/
Writes  studies/data/<study>/  studies/results/<study>/
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

if __name__ == "__main__":
    from pipeline.core.process.interruption import end_on_signals

    end_on_signals()

from pipeline.core.stage import run_command


def main(study: str, variant: str, seed: int) -> None:
    from pipeline.studies.study.study import StudyPaths
    from pipeline.studies.training.train import train_variant

    train_variant(StudyPaths(ROOT, study), variant, seed)


main.__doc__ = __doc__

if __name__ == "__main__":
    run_command(main)

"""Fine-tune one start of the study of few labels with one seed: every task, on few and on all labels.

Reads   params.yaml  studies/params.yaml  studies/data/pretrained/  data/pairs/  data/annotations/  data/benchmarks/
        data/triplets/ or data/generated/
Writes  studies/data/few_labels/  studies/results/few_labels/
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
    from pipeline.studies.few_labels.finetune import finetune_start

    finetune_start(ROOT, start, seed)


main.__doc__ = __doc__

if __name__ == "__main__":
    run_command(main)

"""Embed, or classify, every picture once with a teacher that studies/params.yaml names.

Reads   studies/params.yaml  data/pairs/  and the teacher's weights
Writes  studies/data/teacher/<teacher>/
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

if __name__ == "__main__":
    from pipeline.core.process.interruption import end_on_signals

    end_on_signals()

from pipeline.core.stage import run_command


def main(teacher: str) -> None:
    from pipeline.studies.training.teachers import embed_teacher

    embed_teacher(ROOT, teacher)


main.__doc__ = __doc__

if __name__ == "__main__":
    run_command(main)

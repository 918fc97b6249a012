"""Compare the starts of generator and filter model, item by item.

Reads   studies/params.yaml  studies/data/init_from/
Writes  studies/init_from.md  studies/results/init_from.json
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

if __name__ == "__main__":
    from pipeline.core.process.interruption import end_on_signals

    end_on_signals()

from pipeline.core.stage import run_command


def main() -> None:
    from pipeline.studies.comparison.init_from import write_init_from
    from pipeline.studies.init_from.params import SECTION
    from pipeline.studies.study.study import StudyPaths

    write_init_from(StudyPaths(ROOT, SECTION))


main.__doc__ = __doc__

if __name__ == "__main__":
    run_command(main)

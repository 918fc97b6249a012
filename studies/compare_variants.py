"""Compare the variants of a study with its first one.

Reads   studies/params.yaml  studies/data/<study>/
Writes  studies/<study>.md  studies/results/<study>.json
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

if __name__ == "__main__":
    from pipeline.core.process.interruption import end_on_signals

    end_on_signals()

from pipeline.core.stage import run_command


def main(study: str) -> None:
    from pipeline.studies.comparison.comparison import write_comparison
    from pipeline.studies.study.study import StudyPaths

    write_comparison(StudyPaths(ROOT, study))


main.__doc__ = __doc__

if __name__ == "__main__":
    run_command(main)

"""Compare the starts of a study item by item: few_labels, or init_from.

Reads   studies/params.yaml  studies/data/<study>/
Writes  studies/<study>.md  studies/results/<study>.json
"""

import sys
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

if __name__ == "__main__":
    from pipeline.core.process.interruption import end_on_signals

    end_on_signals()

from pipeline.core.stage import run_command


def main(study: Literal["few_labels", "init_from"]) -> None:
    from pipeline.studies.comparison.few_labels import write_few_labels
    from pipeline.studies.comparison.init_from import write_init_from
    from pipeline.studies.study.study import StudyPaths

    write = {"few_labels": write_few_labels, "init_from": write_init_from}[study]
    write(StudyPaths(ROOT, study))


main.__doc__ = __doc__

if __name__ == "__main__":
    run_command(main)

"""Compare the starts of the study of few labels, item by item.

Reads   studies/params.yaml  studies/data/few_labels/
Writes  studies/few_labels.md  studies/results/few_labels.json
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
    from pipeline.studies.comparison.few_labels import write_few_labels
    from pipeline.studies.few_labels.params import SECTION
    from pipeline.studies.study.study import StudyPaths

    write_few_labels(StudyPaths(ROOT, SECTION))


main.__doc__ = __doc__

if __name__ == "__main__":
    run_command(main)

"""Tell everything measured on one static page: figures, curves, the data engine's funnel, examples with pictures.

Reads   results/{train_generator,train_filter,align,filter,evaluate,evaluate_data}/  data/pairs/  data/benchmarks/
Writes  results/report/page/index.html   results/report/
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

if __name__ == "__main__":
    from pipeline.core.process.interruption import end_on_signals

    end_on_signals()

from pipeline.core.stage import Paths, stage
from pipeline.report.params import ReportParams


@stage()
def main(params: ReportParams, paths: Paths) -> dict:
    from pipeline.core.settings import read_params
    from pipeline.report.page import write_page

    content = read_params(paths.params)
    return write_page(params, paths.all_results, paths.pairs, paths.benchmarks, content, paths.results / "page")


if __name__ == "__main__":
    main()

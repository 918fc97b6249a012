"""Tell everything measured on one static page: figures, curves, the data engine's funnel, examples with pictures.

Reads   results/{train_generator,train_filter,align,filter,evaluate}/  data/pairs/  data/benchmarks/
Writes  results/report/page/index.html   results/report/
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from pipeline.report.params import ReportParams
from pipeline.stage import Paths, stage


@stage()
def main(params: ReportParams, paths: Paths) -> dict:
    from pipeline.report.page import write_page
    from pipeline.settings import read_params

    content = read_params(paths.params)
    return write_page(params, paths.all_results, paths.pairs, paths.benchmarks, content, paths.results / "page")


if __name__ == "__main__":
    main()

"""Pack benchmarks (images with all their captions, or with questions) into one folder each.

Reads   data/raw/ (the toy world or one's own data sets, as params.yaml names them)
Writes  data/benchmarks/   results/fetch_benchmarks/
Paper   S-SMKE, section 4.1: image-text retrieval
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

if __name__ == "__main__":
    from pipeline.core.process.interruption import end_on_signals

    end_on_signals()

from pipeline.core.stage import Paths, stage
from pipeline.fetch.stages.benchmarks_params import FetchBenchmarksParams


@stage(writes=["benchmarks"])
def main(params: FetchBenchmarksParams, paths: Paths) -> dict:
    from pipeline.fetch.stages.benchmarks import fetch_benchmarks

    return fetch_benchmarks(params, paths.root, paths.benchmarks, paths.scratch)


if __name__ == "__main__":
    main()

"""Read regions and questions of annotated images, split them by photograph, and pack the images into shards.

Reads   data/raw/ (the toy world or one's own data sets, as params.yaml names them)   data/benchmarks/
Writes  data/annotations/   results/fetch_annotations/
Paper   JADE (arXiv 2305.11769): the annotated data sets (Visual Genome, GQA, VQAv2)
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

if __name__ == "__main__":
    from pipeline.core.process.interruption import end_on_signals

    end_on_signals()

from pipeline.core.stage import Paths, stage
from pipeline.fetch.stages.annotations_params import FetchAnnotationsParams


@stage(writes=["annotations"])
def main(params: FetchAnnotationsParams, paths: Paths) -> dict:
    from pipeline.fetch.stages.annotations import fetch_annotations

    return fetch_annotations(params, paths.root, paths.annotations, paths.scratch)


if __name__ == "__main__":
    main()

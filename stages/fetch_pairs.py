"""Pack image-caption pairs from all sources into shards, with a manifest and a table of what was dropped.

Reads   data/raw/ (the toy world or one's own data sets, as params.yaml names them), or HTTP(S) addresses
Writes  data/pairs/   results/fetch_pairs/
Paper   JADE and S-SMKE: the image-text pairs (CC3M)
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

if __name__ == "__main__":
    from pipeline.core.process.interruption import end_on_signals

    end_on_signals()

from pipeline.core.stage import Paths, stage
from pipeline.fetch.stages.pairs_params import FetchPairsParams


@stage(writes=["pairs"])
def main(params: FetchPairsParams, paths: Paths) -> dict:
    from pipeline.fetch.stages.pairs import fetch_pairs

    return fetch_pairs(params, paths.root, paths.pairs, paths.scratch)


if __name__ == "__main__":
    main()

"""Pack image-caption pairs from all sources into shards, with a manifest and a table of what was dropped.

Reads   data/raw/ (the toy world or one's own data sets, as params.yaml names them), or addresses   data/benchmarks/
Writes  data/pairs/   results/fetch_pairs/
Paper   JADE and S-SMKE: the image-text pairs (CC3M)
"""

import sys
from pathlib import Path
from typing import Annotated

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

if __name__ == "__main__":
    from pipeline.core.process.interruption import end_on_signals

    end_on_signals()

import typer

from pipeline.core.stage import Paths, stage
from pipeline.fetch.stages.pairs_params import FetchPairsParams

RETRY = "Try addresses that failed for these reasons once more (dns,timeout); what comes is added as new shards."


@stage(writes=["pairs"])
def main(params: FetchPairsParams, paths: Paths, retry_failed: Annotated[str, typer.Option(help=RETRY)] = "") -> dict:
    from pipeline.fetch.stages import retry
    from pipeline.fetch.stages.pairs import fetch_pairs
    from pipeline.fetch.stages.summary import tell_failures, write_plot

    if retry_failed:
        metrics = retry.retry_failed(params, retry_failed, paths.root, paths.pairs, paths.scratch)
    else:
        metrics = fetch_pairs(params, paths.root, paths.pairs, paths.scratch)
    write_plot(metrics, paths.plots)
    tell_failures(metrics)
    return metrics


if __name__ == "__main__":
    main()

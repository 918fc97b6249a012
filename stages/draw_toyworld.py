"""Draw the toy world: scenes whose truth is known, in the layouts of the official data sets.

Reads   nothing
Writes  data/raw/toyworld/  results/draw_toyworld/
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

if __name__ == "__main__":
    from pipeline.core.process.interruption import end_on_signals

    end_on_signals()

from pipeline.core.stage import Paths, stage
from pipeline.toyworld.layouts.params import DrawToyworldParams


@stage(writes=["toyworld"])
def main(params: DrawToyworldParams, paths: Paths) -> dict:
    from pipeline.toyworld.layouts.write import draw_world

    return draw_world(params, paths.toyworld, paths.scratch)


if __name__ == "__main__":
    main()

"""Draw the toy world: scenes whose truth is known, in the layouts of the official data sets.

Reads   nothing
Writes  data/raw/toyworld/  results/draw_toyworld/
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from pipeline.core.stage import Paths, stage
from pipeline.toyworld.layouts.params import DrawToyworldParams


@stage(writes=["toyworld"])
def main(params: DrawToyworldParams, paths: Paths) -> dict:
    from pipeline.toyworld.layouts.write import draw_world

    return draw_world(params, paths.toyworld, paths.scratch)


if __name__ == "__main__":
    main()

"""How fast the toy world is drawn on one core, beside a bare Pillow resize and JPEG of the same size.

    python benchmarks/draw.py

Prints images per second of both and their ratio, from the same run: the ratio is comparable across machines.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
from PIL import Image

from pipeline.toyworld.world.render import SIDE, jpeg, render
from pipeline.toyworld.world.scenes import draw_scene

IMAGES = 2000


def main() -> None:
    """Measure and print."""
    start = time.perf_counter()
    for index in range(IMAGES):
        jpeg(render(draw_scene(0, "pairs", index)))
    drawn = IMAGES / (time.perf_counter() - start)
    large = Image.effect_noise((3 * SIDE, 3 * SIDE), 40).convert("RGB")
    start = time.perf_counter()
    for _ in range(IMAGES):
        jpeg(large.resize((SIDE, SIDE), Image.Resampling.BOX))
    bare = IMAGES / (time.perf_counter() - start)
    print(f"scene, picture and JPEG: {drawn:.0f} images/s")
    print(f"bare resize and JPEG:    {bare:.0f} images/s")
    print(f"ratio:                   {drawn / bare:.2f}")


if __name__ == "__main__":
    main()

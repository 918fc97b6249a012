"""How fast the built-in encoders run on one core, beside one matrix product of the same machine.

    python benchmarks/encoders.py

Prints pictures and texts per second, and the matrix product's arithmetic, from the same run: their ratio is
comparable across machines.
"""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from pipeline.encoders.common.params import ImageEncoderParams, TextEncoderParams
from pipeline.encoders.image.encoder import load_image_encoder
from pipeline.encoders.text.encoder import load_text_encoder
from pipeline.toyworld.language.texts import benchmark_captions
from pipeline.toyworld.world.render import jpeg, render
from pipeline.toyworld.world.scenes import draw_scene

ROOT = Path(__file__).resolve().parents[1]
BATCH = 64
SECONDS = 3.0
SIDE = 1024


def per_second(work: Callable[[], object], items: float) -> float:
    """Items per second of work that handles `items` at a time."""
    work()
    start, rounds = time.perf_counter(), 0
    while time.perf_counter() - start < SECONDS:
        work()
        rounds += 1
    return items * rounds / (time.perf_counter() - start)


def main() -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    scenes = [draw_scene(0, "pairs", index) for index in range(BATCH)]
    pictures = [jpeg(render(scene)) for scene in scenes]
    captions = [benchmark_captions(scene)[0] for scene in scenes]
    image = load_image_encoder(ImageEncoderParams(), ROOT)
    text = load_text_encoder(TextEncoderParams(), ROOT)
    pixels = image.preprocessing.normalise(np.stack([image.preprocessing.decode(one) for one in pictures]))
    matrix = torch.randn(SIDE, SIDE)
    with torch.inference_mode():
        decoded = per_second(lambda: [image.preprocessing.decode(one) for one in pictures], BATCH)
        encoded = per_second(lambda: image(pixels), BATCH)
        read = per_second(lambda: text(*text.tokenize(captions)), BATCH)
        arithmetic = per_second(lambda: matrix @ matrix, 2 * SIDE**3 / 1e9)
    print(f"decode a picture:       {decoded:8.0f} /s")
    print(f"encode a picture:       {encoded:8.0f} /s")
    print(f"encode a caption:       {read:8.0f} /s")
    print(f"matrix product:         {arithmetic:8.0f} GFLOP/s")
    print(f"pictures per GFLOP:     {encoded / arithmetic:8.2f}")


if __name__ == "__main__":
    main()

"""GPUs whose speed is known without having one: peak arithmetic, memory, and a price.

Arithmetic and memory are the makers' data sheets': dense products (no sparsity), bfloat16 on tensor cores with sums in
float32, float32 outside them, as torch computes by default. Prices are an assumption: what one hour cost about at
small clouds in 2025; `--price` overrides them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.core.errors import UserError
from pipeline.core.parameters.bounds import Precision

UTILISATION: Mapping[Precision, float] = {"bfloat16": 0.4, "float32": 0.6}
"""Share of the peak that a well-fed model reaches: an assumption, too kind to decoding, which waits for memory."""
CORES = 16
"""Processor cores that come with one rented GPU, an assumption; they decode its pictures."""


@dataclass(frozen=True)
class Gpu:
    """A GPU. bfloat16, float32: peak, TFLOP/s; memory: GB; price: dollars an hour."""

    name: str
    bfloat16: float
    float32: float
    memory: int
    price: float

    def seconds(self, flops: float, precision: Precision) -> float:
        """How long so many floating-point operations take."""
        peak = self.bfloat16 if precision == "bfloat16" else self.float32
        return flops / (peak * 1e12 * UTILISATION[precision])


GPUS = {
    gpu.name: gpu
    for gpu in (
        Gpu("H100", 989, 67, 80, 3.5),
        Gpu("H200", 989, 67, 141, 4.0),
        Gpu("A100-80", 312, 19.5, 80, 2.0),
        Gpu("L4", 121, 30.3, 24, 0.8),
        Gpu("RTX-4090", 165, 82.6, 24, 0.5),
    )
}
"""H100 and H200: the SXM boards. RTX-4090: NVIDIA's white paper on Ada, as the data sheet gives no dense figures."""


def known_gpu(name: str) -> Gpu:
    """A GPU by its name. Raises UserError for another name."""
    if name not in GPUS:
        raise UserError(
            f"The speed of the GPU '{name}' is not known.",
            expected=", ".join(GPUS),
            fix="name one of these, or leave --gpu out on a machine that has yours, where its speed is measured",
        )
    return GPUS[name]

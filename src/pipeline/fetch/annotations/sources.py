"""Which reader reads which kind of annotations."""

from __future__ import annotations

from pathlib import Path

from pipeline.fetch.annotations.builder import Annotations
from pipeline.fetch.annotations.coco_regions import CocoRegionsSource, read_coco_regions
from pipeline.fetch.annotations.gqa import GqaSource, read_gqa
from pipeline.fetch.annotations.jsonl import JsonlSource, read_jsonl
from pipeline.fetch.annotations.visual_genome import VisualGenomeSource, read_visual_genome
from pipeline.fetch.annotations.vqav2 import Vqav2Source, read_vqav2


def read_annotations(
    source: VisualGenomeSource | GqaSource | Vqav2Source | CocoRegionsSource | JsonlSource, root: Path
) -> Annotations:
    """One source's annotations. Raises UserError for missing or damaged files."""
    if isinstance(source, VisualGenomeSource):
        return read_visual_genome(source, root)
    if isinstance(source, GqaSource):
        return read_gqa(source, root)
    if isinstance(source, Vqav2Source):
        return read_vqav2(source, root)
    if isinstance(source, CocoRegionsSource):
        return read_coco_regions(source, root)
    return read_jsonl(source, root)

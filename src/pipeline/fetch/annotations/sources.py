"""Which reader reads which kind of annotations."""

from __future__ import annotations

from pathlib import Path

from pipeline.core.errors import UserError
from pipeline.fetch.annotations.builder import Annotations
from pipeline.fetch.annotations.coco_regions import CocoRegionsSource, read_coco_regions
from pipeline.fetch.annotations.gqa import GqaSource, read_gqa
from pipeline.fetch.annotations.jsonl import JsonlSource, read_jsonl
from pipeline.fetch.annotations.visual_genome import VisualGenomeSource, read_visual_genome
from pipeline.fetch.annotations.vqav2 import Vqav2Source, read_vqav2
from pipeline.fetch.packing.keys import check_unique


def read_annotations(
    source: VisualGenomeSource | GqaSource | Vqav2Source | CocoRegionsSource | JsonlSource, root: Path
) -> Annotations:
    """One source's annotations. Raises UserError if it has none, or names two images alike."""
    if isinstance(source, VisualGenomeSource):
        annotations = read_visual_genome(source, root)
    elif isinstance(source, GqaSource):
        annotations = read_gqa(source, root)
    elif isinstance(source, Vqav2Source):
        annotations = read_vqav2(source, root)
    elif isinstance(source, CocoRegionsSource):
        annotations = read_coco_regions(source, root)
    else:
        annotations = read_jsonl(source, root)
    if not annotations.images:
        raise UserError("A source holds no annotations.", where=annotations.named_by, found="an empty list")
    check_unique((image.key, image.where) for image in annotations.images)
    return annotations

"""Synthetic captions: several region captions and statements of one image as one text, in place of a caption.

1. Parts are drawn: region captions (noun phrases, mostly) and statements. What no caption says is no part: that
   something is not so or not there, a question that no rule made a statement, a phrase that names nothing ("her").
2. Some region captions also say where in the image their box lies (`locations.py`).
3. The parts are put together as a person would (`compose.py`): "a brown dog is running on the grass, with two boys".

A phrase may become the subject of a statement only if it is the image's one thing of that name: all its region
captions with the same noun then have one box. So a text says nothing that its parts do not say.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from pipeline.alignment.data.synthetic_captions.compose import Part, clause, compose, is_caption_like, thing
from pipeline.alignment.data.synthetic_captions.locations import with_location
from pipeline.alignment.params import ContrastiveParams
from pipeline.storage.boxes import Box


def synthetic_captions(
    regions: Sequence[tuple[Box, str]], statements: Sequence[str], params: ContrastiveParams, rng: np.random.Generator
) -> list[str]:
    """Distinct synthetic captions of one image; none if it has no parts, or if `synthetic_caption_prob` is 0."""
    parts = list(parts_of(regions, statements))
    if not parts or params.synthetic_caption_prob == 0.0:
        return []
    captions = []
    for _ in range(params.synthetic_captions):
        most = min(params.max_parts, len(parts))
        chosen = [parts[index] for index in rng.permutation(len(parts))[: int(rng.integers(1, most + 1))]]
        located = rng.random(len(chosen)) < params.location_phrase_prob
        captions.append(compose([placed(part) if says else part for part, says in zip(chosen, located, strict=True)]))
    return list(dict.fromkeys(captions))


def parts_of(regions: Sequence[tuple[Box, str]], statements: Sequence[str]) -> dict[Part, None]:
    """The distinct parts of which an image's synthetic captions may consist, in the order given."""
    parts: dict[Part, None] = {}
    boxes: dict[str, set[Box]] = defaultdict(set)
    for box, phrase in regions:
        part = clause(phrase) or thing(phrase, box)
        if is_caption_like(phrase) and part.text:
            parts.setdefault(part)
            boxes[part.noun].add(box)
    for statement in statements:
        if is_caption_like(statement):
            part = clause(statement)
            if part is not None and part.noun in boxes:
                part = part.apart() if len(boxes[part.noun]) > 1 else part.at(*boxes[part.noun])
            part = part or thing(statement, None)
            if part.text:
                parts.setdefault(part)
    return parts


def placed(part: Part) -> Part:
    """A thing with a phrase that says where its box lies."""
    return part if part.predicate else part.named(with_location(part.text, part.box))

"""Questions, answers and region captions for every image of a shard, from the generator.

JADE's order, for each image: boxes, one sampled caption per box, then questions of the requested types about each box,
sampled with its caption in the prompt, and a greedy answer to each; then yes-or-no questions by template, if there are
to be any. Images are decoded in batches whose composition follows from the shard alone. Sampling is seeded by image and
box, so a row depends neither on the batch nor on the number of workers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pipeline.core.files import hash_folder, require_folder
from pipeline.core.samples import at_sample
from pipeline.core.settings import machine
from pipeline.execution.decoded import decoded_batches
from pipeline.execution.step import Shard, Step
from pipeline.storage.images import decode_image
from pipeline.storage.shards import ImageShards, listed_bytes, listed_captions, stream_shard
from pipeline.tables.questions import QuestionType
from pipeline.tables.triplets import GENERATED_DC, GENERATED_QA, SPLIT
from pipeline.triplets.generate.box_source import BoxSource, box_source
from pipeline.triplets.generate.caption_questions import caption_questions, first_captions
from pipeline.triplets.generate.params import GenerateParams

if TYPE_CHECKING:
    from PIL import Image

    from pipeline.questioner.decoding.generator import Generator


@dataclass
class GenerateStep(Step):
    """One shard of images to `generated/<shard>-qa.parquet` and `<shard>-dc.parquet`."""

    params: GenerateParams
    model: Path

    name: ClassVar[str] = "generate"
    on_device: ClassVar[bool] = True

    def parameters(self) -> dict[str, Any]:
        """All parameters and a digest of the generator's folder, without the note on its provenance.

        How many boxes of a table may be bad, where it lies, and which images are asked about, changes no shard's
        output; the boxes of a table are a file of every shard.
        Raises UserError if there is no generator.
        """
        folder = require_folder(self.model, "train_generator")
        params = self.params.model_dump(exclude={"boxes": {"max_dropped_share", "path", "weights"}, "val_split": True})
        return {"params": params, "generator": hash_folder(folder, leave_out=("provenance.json",))}

    def setup(self) -> None:
        """Load the generator."""
        from pipeline.questioner.decoding.generator import Generator

        self.generator: Generator = Generator.load(self.model, self.params.precision)

    def run(self, shard: Shard, folder: Path) -> None:
        """`shard.files`: the tar of images, and the table of their boxes, unless a grid has them.

        Raises UserError if a batch takes more memory than there is.
        """
        qa_rows: list[dict[str, Any]] = []
        dc_rows: list[dict[str, Any]] = []
        tar, source = shard.files[0], box_source(self.params.boxes, shard.files[1:])
        by_template = self.questions_by_template(tar) if self.params.caption_questions else {}
        self.require_memory(source, listed_bytes(tar))
        device, size = machine().device, self.params.images_per_batch
        with closing(decoded_batches(tar, stream_shard(tar), size, decode_image, device)) as batches:
            for keys, images in batches:
                with at_sample(tar, *keys):
                    generated = generate_rows(self.generator, images, keys, source.find(keys), by_template, self.params)
                qa_rows += generated[0]
                dc_rows += generated[1]
        GENERATED_QA.write(folder / "generated" / f"{shard.name}-qa.parquet", qa_rows)
        GENERATED_DC.write(folder / "generated" / f"{shard.name}-dc.parquet", dc_rows)

    def require_memory(self, source: BoxSource, sizes: Mapping[str, int]) -> None:
        """Raise UserError if a batch takes more memory than there is. sizes: bytes of each picture, in order."""
        asked, stream = len(requested_types(self.params.question_types)), iter(sizes)
        while keys := list(islice(stream, self.params.images_per_batch)):
            boxes, pictures = sum(map(len, source.find(keys))), sum(sizes[key] for key in keys)
            self.generator.memory.require(len(keys), boxes, boxes * asked, pictures, "generate.images_per_batch")

    def questions_by_template(self, tar: Path) -> dict[str, list[dict[str, Any]]]:
        """The pairs of a shard's images that ask about captions, by the images' keys."""
        sampling, pieces = self.params.questions, self.generator.prompts.pieces
        captions = first_captions(listed_captions(tar), pieces, sampling.max_tokens)
        return caption_questions(captions, self.params.caption_questions, sampling.seed)

    def shards(self, pairs: ImageShards, boxes: Path | None, split: str = SPLIT) -> list[Shard]:
        """The work: every shard of a split (by default of training images), with the table of its boxes.

        boxes: the folder of these tables; None for a grid.
        """
        read = ["captions"] if self.params.caption_questions else []
        tables = {name: (boxes / f"{name}.parquet",) if boxes else () for name in pairs.shards(split)}
        return [Shard(name, (pairs.path(name), *tables[name]), pairs.listed(name, *read)) for name in tables]


def generate_rows(
    generator: Generator,
    images: Sequence[Image.Image],
    keys: Sequence[str],
    boxes: Sequence[Sequence[Sequence[float]]],
    by_template: Mapping[str, Sequence[Mapping[str, Any]]],
    params: GenerateParams,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of question-answer pairs and of region captions for a batch of images.

    by_template: more pairs of the images, by key, which come after those of the generator.
    """
    encoded = generator.encode(images)
    described = generator.describe(encoded, boxes, keys, params.captions)
    captions = [[caption.text for caption in of_image] for of_image in described]
    types = requested_types(params.question_types)
    asked = generator.ask(encoded, boxes, captions, keys, types, params.questions)
    qa_rows: list[dict[str, Any]] = []
    dc_rows: list[dict[str, Any]] = []
    for image, key in enumerate(keys):
        for region, box in enumerate(boxes[image]):
            caption = described[image][region]
            shared = {"key": key, "box": list(box)}
            dc_rows.append({**shared, "region_id": region, "caption": caption.text, "confidence": caption.confidence})
            qa_rows += [
                {
                    **shared,
                    "pair_id": region * len(types) + number,
                    "region_caption": caption.text,
                    "question": pair.question,
                    "answer": pair.answer,
                    "question_type": pair.question_type,
                    "answer_confidence": pair.confidence,
                }
                for number, pair in enumerate(asked[image][region])
            ]
        first = len(boxes[image]) * len(types)
        qa_rows += [{**row, "pair_id": number} for number, row in enumerate(by_template.get(key, ()), first)]
    return qa_rows, dc_rows


def requested_types(counts: Mapping[QuestionType, int]) -> list[str]:
    """The type of every question asked about one box, in order: `{what: 2, how: 1}` gives what, what, how."""
    return [name for name, count in counts.items() for _ in range(count)]

"""Results as a whole run would leave them, made by the real filter figures and evaluation from invented models."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image, ImageDraw

from pipeline.core.files import write_json
from pipeline.evaluation.annotation_judge.held_back import HeldBack
from pipeline.evaluation.annotation_judge.judge import AnnotationJudge
from pipeline.evaluation.common.judge import VERDICTS, Verdict
from pipeline.evaluation.data_quality.measure_generated import measure_generated
from pipeline.evaluation.data_quality.params import EvaluateDataParams
from pipeline.evaluation.data_quality.row_judge import RowJudge
from pipeline.evaluation.retrieval.measure import measure_retrieval
from pipeline.evaluation.retrieval.params import EvaluateParams, GalleryParams
from pipeline.evaluation.retrieval.zero_shot import Seen
from pipeline.report.params import ReportParams
from pipeline.storage.boxes import Box
from pipeline.storage.shards import ImageShards, ShardWriter, shard_name
from pipeline.tables.pairs import MANIFEST
from pipeline.tables.triplets import KEPT_DC, KEPT_QA, REJECTED_DC, REJECTED_QA
from pipeline.training.history import write_csv
from pipeline.triplets.filter.reasons import CAPTION_STEPS, QA_STEPS
from pipeline.triplets.statistics.filtered import filter_metrics
from pipeline.triplets.statistics.plots import write_plots

COLOURS = ("red", "orange", "gold", "green", "teal", "blue", "purple", "pink")
SHAPES = ("circle", "square", "bar")
PARAMS = ReportParams(
    title="A synthetic run",
    queries=4,
    kept_pairs=4,
    rejected_pairs=6,
    region_captions=6,
    picture_pixels=256,
)
RECALLS = {name: {"R@1": 12.5, "R@1_half_width": 2.25} for name in ("text_to_image", "image_to_text")}
FINETUNED = {
    "vqa": {"questions": 1200, "vqa_accuracy": 61.24, "exact": 55.0, "blind_exact": 31.0},
    "told_stories": {"images": 40, "cider": 139.04, "bleu4": 40.06},
    "found": {
        "images": 40,
        "captions": 200,
        **RECALLS,
        "reranked": RECALLS | {"image_to_text": {"R@1": 20.0, "R@1_half_width": 3.0}},
    },
}
"""Scores of fine-tuned models."""
HOSTILE = '<script>alert("1 & 2")</script>\x00\x1b[2J\u202e'


def picture(number: int, side: int = 96) -> tuple[bytes, str, tuple[float, float, float, float]]:
    """A shape on a grey ground: JPEG, caption, box."""
    colour, shape = COLOURS[number % len(COLOURS)], SHAPES[number % len(SHAPES)]
    x, y = 0.1 + 0.4 * (number * 7 % 10) / 10, 0.1 + 0.4 * (number * 3 % 10) / 10
    box = (x, y, x + 0.4, y + (0.15 if shape == "bar" else 0.4))
    image = Image.new("RGB", (side, side), (200 - number % 60, 205, 210))
    place = [value * side for value in box]
    draw = ImageDraw.Draw(image)
    (draw.ellipse if shape == "circle" else draw.rectangle)(place, fill=colour)
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=90)
    return stream.getvalue(), f"a {colour} {shape}", box


def write_images(folder: Path, split: str, count: int, captions: int, known: bool, side: int = 96) -> None:
    """One shard with its manifest; `known` images have a url that the invented judge knows."""
    with ShardWriter(folder / f"{shard_name(split, 0)}.tar", split) as shard:
        for number in range(count):
            jpeg, caption, _ = picture(number, side)
            texts = [f"{caption}, take {n}" for n in range(captions)]
            shard.add(f"{split}{number:04d}", jpeg, texts, url=f"known://{number}" if known else "")
    MANIFEST.write(folder / "manifest.parquet", pa.concat_tables([shard.manifest()]))


class InventedJudge:
    """Knows images with a `known://` url; decides by arithmetic."""

    def knows(self, url: str) -> bool:
        return url.startswith("known://")

    def verdict(self, url: str, question: str, answer: str) -> Verdict:
        return VERDICTS[len(question + answer) % 4]

    def answer(self, url: str, question: str) -> str | None:
        return COLOURS[len(question) % 8]

    def kind(self, question: str) -> str | None:
        return ("colour", "number", "place", None)[len(question) % 4]

    def is_true(self, url: str, box: Sequence[float], caption: str) -> bool:
        return len(caption) % 3 > 0


class InventedEmbedder:
    """Puts a caption near its image: both are told by the number in the image's key or the caption's words."""

    def images(self, shards: ImageShards, keys: Sequence[str]) -> np.ndarray:
        return unit([hash_of(picture(int(key[-4:]))[1], int(key[-4:])) for key in keys])

    def texts(self, captions: Sequence[str]) -> np.ndarray:
        return unit([hash_of(text.split(",")[0], n) for n, text in enumerate(captions)])


def hash_of(text: str, noise: int) -> np.ndarray:
    """A direction decided by the text, with some noise."""
    seed = sum(ord(letter) * 31**n for n, letter in enumerate(text)) % 2**32
    return np.random.default_rng(seed).normal(size=32) + 0.5 * np.random.default_rng(noise).normal(size=32)


def unit(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Rows of length one."""
    matrix = np.stack(rows).astype(np.float32)
    return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


def write_rows(root: Path, images: int, hostile: bool, keep: bool) -> None:
    """Kept and rejected rows, every reason among them."""
    rng = np.random.default_rng(1)
    reasons = [None, None, None, *(reason for step in QA_STEPS.values() for reason in step)]
    caption_reasons = [None, None, None, *(reason for step in CAPTION_STEPS.values() for reason in step)]
    if not keep:
        reasons, caption_reasons = reasons[3:], caption_reasons[3:]
    pairs, captions = [], []
    for number in range(images * 6):
        key, (_, caption, box) = f"train{number // 6:04d}", picture(number // 6)
        kind = ("what", "how", "binary")[number % 3]
        asked = {"what": "what colour is it?", "how": "how many shapes are there?", "binary": f"is it {caption}?"}
        reason = reasons[int(rng.integers(len(reasons)))]
        answered = reason in (None, *QA_STEPS["agreement"], *QA_STEPS["filter confidence"], *QA_STEPS["limits"])
        pairs.append(
            {
                "key": key,
                "pair_id": number % 6,
                "box": box,
                "region_caption": caption,
                "question": HOSTILE if hostile else asked[kind],
                "answer": {"what": caption.split()[1], "how": "1", "binary": "yes"}[kind],
                "question_type": kind,
                "answer_confidence": float(rng.uniform(0.3, 1)),
                "filter_answer": "red" if answered else None,
                "filter_confidence": float(rng.uniform(0.3, 1)) if answered else None,
                "reason": reason,
            }
        )
        captions.append(
            {
                "key": key,
                "region_id": number % 6,
                "box": box,
                "caption": HOSTILE if hostile else caption,
                "confidence": 0.7,
                "reason": caption_reasons[int(rng.integers(len(caption_reasons)))],
            }
        )
    for rows, kept, rejected, kind in (
        (pairs, KEPT_QA, REJECTED_QA, "qa"),
        (captions, KEPT_DC, REJECTED_DC, "dc"),
    ):
        stays = [{k: v for k, v in row.items() if k != "reason"} for row in rows if row["reason"] is None]
        kept.write(root / "data" / "triplets" / f"train-00000-{kind}.parquet", stays)
        falls = [row for row in rows if row["reason"] is not None]
        rejected.write(root / "data" / "rejected" / f"train-00000-{kind}.parquet", falls)


def write_curves(results: Path) -> None:
    """Curves of the trainings that fall and rise as they should."""
    steps = range(10, 610, 10)
    for name, losses, figures in (
        ("pretrain", ["caption", "masked_words", "contrastive"], ["loss"]),
        ("train_generator", ["question", "caption"], ["loss", "answer_accuracy"]),
        ("train_filter", ["answer"], ["vqa_accuracy"]),
        ("align", ["contrastive", "distillation", "regions"], ["mean_recall", "temperature"]),
    ):
        plots = results / name / "plots"
        training = [
            {"step": s, "learning_rate": 1e-3, "grad_norm": 1.0}
            | {loss: (n + 1) * math.exp(-s / 200) + 0.05 * math.sin(s * (n + 1)) + 0.3 for n, loss in enumerate(losses)}
            for s in steps
        ]
        validation = [{"step": s} | {f: 60 * (1 - math.exp(-s / 250)) for f in figures} for s in range(100, 700, 100)]
        write_csv(plots / "training.csv", training)
        write_csv(plots / "validation.csv", validation)


def write_results(
    root: Path,
    judged: bool = True,
    hostile: bool = False,
    keep: bool = True,
    images: int = 40,
    side: int = 96,
    annotated: int = 0,
) -> None:
    """`data/` and `results/` of an invented run below `root`; without an oracle if not `judged`.

    annotated: about how many images annotations are held back.
    """
    pairs, benchmarks, results = root / "data" / "pairs", root / "data" / "benchmarks", root / "results"
    write_images(pairs, "train", images, 1, judged, side)
    write_images(benchmarks / "shapes", "test", images, 5, judged, side)
    write_rows(root, images, hostile, keep)
    write_curves(results)
    filtered = filter_metrics(root / "data" / "triplets", root / "data" / "rejected")
    write_json(results / "filter" / "metrics.json", filtered)
    write_plots(filtered, results / "filter" / "plots")
    params = EvaluateParams(
        seed=1,
        batch_size=8,
        bootstrap_samples=100,
        gallery=GalleryParams(queries=12, candidates=5),
    )
    data_params = EvaluateDataParams(seed=1, judged_images=None, rows_per_reason=3)
    evaluate, evaluate_data = results / "evaluate", results / "evaluate_data"
    seen = Seen(MANIFEST.schema.empty_table(), 0, True)
    retrieval = measure_retrieval(params, benchmarks, InventedEmbedder(), holds if judged else unknown, seen, evaluate)
    quality = measure_generated(
        data_params,
        root / "data" / "triplets",
        root / "data" / "rejected",
        ImageShards(pairs),
        RowJudge(ImageShards(pairs).urls, InventedJudge(), AnnotationJudge(held_back(annotated))),
        evaluate_data,
    )
    write_json(evaluate / "metrics.json", {"retrieval": retrieval})
    write_json(results / "evaluate_finetuned" / "metrics.json", FINETUNED)
    write_json(evaluate_data / "metrics.json", {"data_quality": quality})


def held_back(images: int) -> dict[str, HeldBack]:
    """Annotators ask for the colour alone, see all as red, and name the shape."""
    questions: dict[str, list[tuple[Box | None, list[str]]]] = {"what colour is it": [(None, ["red"])]}
    return {
        f"train{number:04d}": HeldBack([(picture(number)[2], picture(number)[1])], questions)
        for number in range(images)
    }


def holds(captions: Sequence[str], urls: Sequence[str]) -> np.ndarray:
    """A caption is true of every image with the same colour and shape."""
    shown = [picture(int(url.split("//")[1]))[1] for url in urls]
    return np.array([[caption.split(",")[0] == there for there in shown] for caption in captions])


def unknown(captions: Sequence[str], urls: Sequence[str]) -> None:
    """No oracle."""

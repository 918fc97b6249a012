"""Official files with something wrong in them: every reader ends in rows, in dropped rows or in a UserError."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fetch.files import write
from tests.fetch.time_limit import ends_in_time

from pipeline.core.errors import UserError
from pipeline.fetch.annotations.builder import Annotations
from pipeline.fetch.packing.dropped import Ledger, check_faults
from pipeline.fetch.stages.annotations_params import FetchAnnotationsParams
from pipeline.fetch.stages.benchmarks_params import FetchBenchmarksParams
from pipeline.tables.annotations import QUESTIONS, REGIONS
from pipeline.tables.pairs import DROPPED

IMAGES = [
    {"id": i, "file_name": f"{'ab'[i % 2]}/{i // 2}.jpg", "width": 20, "height": 10, "coco_url": f"u{i}"}
    for i in range(4)
]
REGION = {"x": 0, "y": 0, "width": 5, "height": 5, "phrase": "a dog"}
QUESTION = {"question": "What?", "answer": "a dog"}

FILES: dict[str, Any] = {
    "data.json": [{"image_id": i, "width": 9, "height": 9, "url": f"h/VG/{i}.jpg", "coco_id": i} for i in range(3)],
    "regions.json": [{"id": i, "regions": [REGION | {"region_id": 10 * i + k} for k in range(2)]} for i in range(3)],
    "qas.json": [{"id": i, "qas": [QUESTION | {"qa_id": 10 * i + k} for k in range(2)]} for i in range(3)],
    "map.json": {"0": 0, "10": 11},
    "gqa.json": {f"0{i}": QUESTION | {"imageId": str(i)} for i in range(3)},
    "q.json": {
        "data_subtype": "train2014",
        "questions": [{"image_id": i, "question": "What?", "question_id": i} for i in range(3)],
    },
    "a.json": {
        "annotations": [
            {"image_id": i, "question_id": i, "answers": [{"answer": "x"}], "answer_type": "other"} for i in range(3)
        ]
    },
    "boxes.json": {
        "images": IMAGES,
        "categories": [{"id": 1, "name": "dog"}],
        "annotations": [
            {"id": i, "image_id": i, "category_id": 1, "bbox": [0, 0, 5, 5], "iscrowd": 0} for i in range(4)
        ],
    },
    "captions.json": {
        "images": IMAGES,
        "annotations": [{"id": i, "image_id": i, "caption": "a dog"} for i in range(4)],
    },
    "karpathy.json": {
        "images": [
            {"filename": f"{i}.jpg", "filepath": "v", "split": "test", "sentences": [{"raw": "a dog"}], "url": "u"}
            for i in range(3)
        ]
    },
    "own.jsonl": {"image": "a.jpg", "question": "What?", "answers": ["a"], "question_id": 1, "url": "u"},
}
VG = {"image_data": "data.json", "region_descriptions": "regions.json", "question_answers": "qas.json"}
SOURCES: list[dict[str, Any]] = [
    {"kind": "visual_genome", **VG, "qa_to_region_mapping": "map.json"},
    {"kind": "gqa", "questions": "gqa.json", "image_data": "data.json"},
    {"kind": "vqav2", "questions": "q.json", "annotations": "a.json"},
    {"kind": "vqav2", "questions": "q.json", "annotations": "a.json", "image_info": "boxes.json"},
    {"kind": "coco", "boxes": "boxes.json", "captions": "captions.json"},
    {"kind": "jsonl", "questions": "own.jsonl"},
]
LISTS: list[dict[str, Any]] = [
    {"kind": "karpathy", "annotations": "karpathy.json", "select": ["test"]},
    {"kind": "coco", "captions": "captions.json"},
]
ODD = st.sampled_from(
    [
        *(None, True, False, 0, 1, -1, 1.0, 1.5, "1.0", "1", "", " "),
        *("\ud83d", "\0", "\u0661", "²", "x/y", "..", "a\nb"),
        *(float("nan"), float("inf"), -float("inf"), 1e300, 2**63, 10**30, -(2**70), [], [[]], {}, {"id": 1}, [None]),
    ]
)
STEPS = st.lists(st.tuples(st.integers(0, 10**6), st.sampled_from(["set", "drop", "add", "repeat"]), ODD), max_size=4)
CUTS = st.none() | st.tuples(st.integers(0, 3000), st.binary(max_size=3))


def containers(value: Any) -> list[Any]:
    """All lists and objects in a value, itself first."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return [] if inner is None else [value, *(part for item in inner for part in containers(item))]


def mutated(value: Any, steps: list[tuple[int, str, Any]]) -> Any:
    """The value with some of its fields or items replaced, removed, added or repeated."""
    value = copy.deepcopy(value)
    for number, act, shared in steps:
        odd = copy.deepcopy(shared)  # a later step may change it, even put it into itself
        places = [
            (box, key) for box in containers(value) for key in (box if isinstance(box, dict) else range(len(box)))
        ]
        if not places:
            return odd
        box, key = places[number % len(places)]
        if act == "set":
            box[key] = odd
        elif act == "drop":
            del box[key]
        elif isinstance(box, list):
            box.append(copy.deepcopy(box[key]) if act == "repeat" else odd)
        else:
            box[str(odd)] = copy.deepcopy(box[key])
    return value


def write_mutated(root: Path, names: list[str], name: str, steps: Any, cut: Any) -> None:
    """Write the files of a source, one of them mutated and perhaps cut, with odd bytes in the place."""
    for other in names:
        content = mutated(FILES[other], steps) if other == name else FILES[other]
        data = json.dumps(content).encode()
        if other.endswith(".jsonl"):
            data = json.dumps(FILES[other] | {"question_id": 2}).encode() + b"\n" + data
        if cut is not None and other == name:
            data = data[: cut[0]] + cut[1]
        write(root / other, data)


def files_of(source: dict[str, Any]) -> list[str]:
    return [value for value in source.values() if isinstance(value, str) and value in FILES]


MUTATIONS = given(st.data(), STEPS, CUTS)
MANY = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "100")),
    derandomize="FUZZ_EXAMPLES" not in os.environ,
    deadline=None,
)


def check(root: Path, source: dict[str, Any], read: Callable[[Ledger], Any], data: Any, steps: Any, cut: Any) -> None:
    names = files_of(source)
    write_mutated(root, names, data.draw(st.sampled_from(names)), steps, cut)
    ledger = Ledger("s")
    try:
        content = read(ledger)
    except UserError as error:
        assert str(error)
        return
    images = content.images if isinstance(content, Annotations) else content
    assert all(isinstance(text, str) for image in images for text in (image.key, image.url, *image.captions))
    "".join(text for image in images for text in (image.key, image.url, *image.captions)).encode()
    DROPPED.build(ledger.rows)
    if isinstance(content, Annotations):
        REGIONS.build(content.regions.table())
        QUESTIONS.build(content.questions.table())
        keys = {image.key for image in images}
        assert keys.issuperset(content.regions.table()["key"].to_pylist())
        assert keys.issuperset(content.questions.table()["key"].to_pylist())
    try:
        check_faults(ledger, 10, "x", 0.0, "stage")
    except UserError as error:
        assert str(error)


@pytest.mark.parametrize("source", SOURCES + LISTS, ids=lambda source: source["kind"])
@MANY
@MUTATIONS
@ends_in_time
def test_a_mutated_file_ends_in_rows_or_in_a_message(
    tmp_path_factory: pytest.TempPathFactory, source: dict[str, Any], data: Any, steps: Any, cut: Any
) -> None:
    given = {"name": "s", "images": "im", **source}
    if source in SOURCES:
        reader = FetchAnnotationsParams.model_validate({"sources": [given]}).sources[0]
    else:
        reader = FetchBenchmarksParams.model_validate({"benchmarks": [given]}).benchmarks[0]
    root = tmp_path_factory.getbasetemp() / "mutated"
    check(root, source, lambda ledger: reader.read(root, ledger), data, steps, cut)


def test_the_files_as_they_are_have_nothing_to_drop(tmp_path: Path) -> None:
    for source in SOURCES + LISTS:
        write_mutated(tmp_path, files_of(source), "", [], None)
        model = FetchBenchmarksParams if source in LISTS else FetchAnnotationsParams
        field = "benchmarks" if source in LISTS else "sources"
        params = model.model_validate({field: [{"name": "s", "images": "im", **source}]})
        ledger = Ledger("s")
        getattr(params, field)[0].read(tmp_path, ledger)
        assert ledger.rows == []


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, '{"images": ' + "9" * 5000 + "}"])
def test_nested_brackets_and_huge_numbers_are_a_message(tmp_path: Path, text: str) -> None:
    for source in SOURCES + LISTS:
        for name in files_of(source):
            write(tmp_path / name, text)
        model = FetchBenchmarksParams if source in LISTS else FetchAnnotationsParams
        field = "benchmarks" if source in LISTS else "sources"
        params = model.model_validate({field: [{"name": "s", "images": "im", **source}]})
        if source["kind"] == "jsonl":
            assert getattr(params, field)[0].read(tmp_path, Ledger("s")).images == []
            continue
        with pytest.raises(UserError):
            getattr(params, field)[0].read(tmp_path, Ledger("s"))

"""The official layouts: read by the readers of the real files, the same bytes whatever the number of workers."""

import json
import tarfile
import zipfile
from pathlib import Path

import pytest

from pipeline.core.errors import UserError
from pipeline.fetch.captions.karpathy import KarpathySource
from pipeline.fetch.packing.dropped import Ledger
from pipeline.fetch.stages.annotations_params import FetchAnnotationsParams
from pipeline.toyworld.language import texts
from pipeline.toyworld.layouts.params import DrawToyworldParams
from pipeline.toyworld.layouts.write import draw_world, world_shards
from pipeline.toyworld.oracle.oracle import caption_holds, judge, region_is_true
from pipeline.toyworld.world.scenes import scene_of

SMALL = DrawToyworldParams(seed=4, pairs=25, val_pairs=5, shard_size=10, annotated=12, vqa=8, benchmark=10)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small world under `data/raw/toyworld`."""
    root = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FINEALIGN_WORKERS", "1")
        counts = draw_world(SMALL, root / "raw", root / "scratch")
    assert counts["pairs"]["images"] == 30
    assert counts["benchmark"] == {"captions": 50, "images": 10, "images_in_families": 6}
    return root


def test_the_number_of_workers_changes_no_byte(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINEALIGN_WORKERS", "2")
    draw_world(SMALL, tmp_path / "raw", tmp_path / "scratch")
    files = sorted(path.relative_to(world / "raw") for path in (world / "raw").rglob("*") if path.is_file())
    assert files == sorted(p.relative_to(tmp_path / "raw") for p in (tmp_path / "raw").rglob("*") if p.is_file())
    for file in files:
        assert (world / "raw" / file).read_bytes() == (tmp_path / "raw" / file).read_bytes()


@pytest.mark.parametrize(
    ("free", "memory", "what", "key"), [(1e9, 1e12, "disk space", "pairs"), (1e12, 1e9, "memory", "annotated")]
)
def test_a_world_that_the_machine_cannot_hold_is_refused_before_it_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: float, memory: float, what: str, key: str
) -> None:
    monkeypatch.setattr("pipeline.toyworld.layouts.write.free_disk_bytes", lambda _: free)
    monkeypatch.setattr("pipeline.toyworld.layouts.write.memory_bytes", lambda: memory)
    with pytest.raises(UserError, match=f"more {what} than the machine has") as error:
        draw_world(DrawToyworldParams(pairs=1_000_000, annotated=500_000), tmp_path / "raw", tmp_path / "scratch")
    assert error.value.where == f"draw_toyworld.{key}"
    assert not list(tmp_path.iterdir())


def test_shards_of_pairs_are_webdataset(world: Path) -> None:
    shards = sorted((world / "raw" / "cc3m").iterdir())
    assert [shard.name for shard in shards] == [
        *(f"cc3m-train-000{k}.tar" for k in range(3)),
        "cc3m-validation-0000.tar",
    ]
    keys = []
    for shard in shards:
        with tarfile.open(shard) as archive:
            names = archive.getnames()
            assert [Path(name).suffix for name in names] == [".jpg", ".json", ".txt"] * (len(names) // 3)
            for name in names[::3]:
                key = Path(name).stem
                record = json.loads(archive.extractfile(f"{key}.json").read())  # pyright: ignore[reportOptionalMemberAccess]
                text = archive.extractfile(f"{key}.txt").read().decode()  # pyright: ignore[reportOptionalMemberAccess]
                assert len(key) == 9
                assert record["key"] == key
                assert record["caption"] == text == texts.alt_text(scene_of(record["url"]))
                keys.append(key)
    assert len(set(keys)) == len(keys) == 30


def test_the_reader_of_visual_genome_reads_true_regions_and_answers(world: Path) -> None:
    folder = "raw/visual_genome"
    names = ("image_data", "region_descriptions", "question_answers", "qa_to_region_mapping")
    source = {"kind": "visual_genome", "name": "vg", "images": folder}
    source |= {name: f"{folder}/{name}.json" for name in names}
    params = FetchAnnotationsParams.model_validate({"sources": [source]})
    found = params.sources[0].read(world, Ledger("x"))
    urls = {image.key: image.url for image in found.images}
    assert len(urls) == SMALL.annotated
    regions, questions = found.regions.table().to_pylist(), found.questions.table().to_pylist()
    assert len(regions) > 50
    assert all(region_is_true(scene_of(urls[r["key"]]), r["box"], r["phrase"]) for r in regions)
    assert len(questions) > 60
    assert sum(q["box"] is not None for q in questions) > 50
    assert all(judge(scene_of(urls[q["key"]]), q["question"], q["answers"][0]) == "correct" for q in questions)


def test_the_reader_of_vqav2_reads_ten_answers(world: Path) -> None:
    folder = "raw/vqav2"
    source = {
        "kind": "vqav2",
        "name": "vqa",
        "images": folder,
        "questions": f"{folder}/v2_OpenEnded_mscoco_train2014_questions.json",
        "annotations": f"{folder}/v2_mscoco_train2014_annotations.json",
        "image_info": f"{folder}/image_info_train2014.json",
    }
    params = FetchAnnotationsParams.model_validate({"sources": [source]})
    found = params.sources[0].read(world, Ledger("x"))
    assert len(found.images) == SMALL.vqa
    assert all(image.url.startswith("toyworld://4/annotations/") for image in found.images)
    assert {len(q["answers"]) for q in found.questions.table().to_pylist()} == {10}


def test_no_image_is_in_two_layouts(world: Path) -> None:
    numbers = []
    for archive in ("visual_genome/images.zip", "vqav2/train2014.zip"):
        with zipfile.ZipFile(world / "raw" / archive) as file:
            numbers += [int(Path(name).stem.rpartition("_")[2]) for name in file.namelist()]
    assert len(set(numbers)) == len(numbers) == SMALL.annotated + SMALL.vqa


def test_the_reader_of_karpathys_file_reads_true_captions(world: Path) -> None:
    source = KarpathySource(
        kind="karpathy",
        name="toyworld",
        split="test",
        select=["test"],
        annotations="raw/karpathy/dataset_toyworld.json",
        images="raw/karpathy",
    )
    images = source.read(world, Ledger("x"))
    assert len(images) == SMALL.benchmark
    for image in images:
        assert len(image.captions) == 5
        assert all(caption_holds(scene_of(image.url), caption) for caption in image.captions)


def test_an_empty_world_is_one_file(tmp_path: Path) -> None:
    nothing = DrawToyworldParams(pairs=0, val_pairs=0, annotated=0, vqa=0, benchmark=0)
    assert world_shards(nothing) == []
    assert draw_world(nothing, tmp_path / "raw", tmp_path / "scratch") == {}
    assert [path.name for path in (tmp_path / "raw").iterdir()] == ["world.json"]


def test_a_world_may_lack_a_layout(tmp_path: Path) -> None:
    only = DrawToyworldParams(pairs=0, val_pairs=0, annotated=0, vqa=0, benchmark=4)
    draw_world(only, tmp_path / "raw", tmp_path / "scratch")
    assert sorted(path.name for path in (tmp_path / "raw").iterdir()) == ["karpathy", "world.json"]

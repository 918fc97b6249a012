"""Fine-tuning as a whole: what it writes, killed in the middle, in two processes; and what it learns from."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from tests.questioner import annotated, toy
from tests.questioner.finetuning.data import write_data
from tests.questioner.finetuning.two_processes import CONTINUED, CONTINUED_PARAMS, PARAMS
from tests.questioner.killed import contents, die_before, in_process
from tests.questioner.pretraining import two_processes as pretrained_by
from tests.training.objectives import in_two_processes
from torch import nn

from pipeline.core.errors import UserError
from pipeline.core.stage import Paths
from pipeline.encoders.bert.layers import BertSelfAttention
from pipeline.encoders.common.checkpoint import read_tensors
from pipeline.questioner.data.dataset import Samples
from pipeline.questioner.data.image_inputs import ImageInputs, PixelStore, image_inputs
from pipeline.questioner.data.sampler import Sampler
from pipeline.questioner.decoding.pretrained import PretrainedModel
from pipeline.questioner.finetuning import train
from pipeline.questioner.finetuning.params import FinetuneParams
from pipeline.questioner.finetuning.sources import read_source, samples_of_task, shards_of
from pipeline.questioner.finetuning.train import Finetuning, Step
from pipeline.questioner.model.build import Limits
from pipeline.questioner.model.checkpoint import PRETRAINED, load_model
from pipeline.questioner.model.vision import VisionTower
from pipeline.questioner.pretraining.train import Pretraining
from pipeline.tables.held_out import HELD_OUT_ANSWERS, HELD_OUT_IMAGE_CAPTIONS

PROMPTS, LIMITS = toy.prompts(), Limits(30, 5)


def elsewhere(paths: Paths, folder: Path) -> Paths:
    """The same data, with models, results and scratch in another folder."""
    return replace(paths, finetuned=folder / "models", results=folder / "results", scratch=folder / "scratch")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    paths = Paths.of(tmp_path_factory.mktemp("repository"), "finetune")
    write_data(paths)
    return paths


def read(source: str, paths: Paths, split: str = "train") -> Samples:
    return read_source(source, split, shards_of(source, paths), paths, PROMPTS, LIMITS)[0]


def test_every_task_has_a_model_and_figures(made: Paths):
    metrics = Finetuning(PARAMS, made).run()
    assert set(metrics) == {"continued", "questions", "captions", "retrieval"}
    sizes = metrics["continued"]["samples"]
    assert sizes["pairs, split train"]["captions"] == 10 and sizes["triplets, split train"]["questions"] == 6
    assert metrics["questions"]["samples"]["questions"] == 4
    assert metrics["questions"]["validation"]["questions"] == 6
    assert metrics["captions"]["validation"]["images"] == 8  # of nine images one has no caption
    assert metrics["retrieval"]["validation"]["captions"] == 16
    held_out = made.results / "held_out"
    answers = HELD_OUT_ANSWERS.read(held_out / "questions" / "answers.parquet").to_pylist()
    assert {row["key"] for row in answers} == {"image2", "image5", "image8"}
    captions = HELD_OUT_IMAGE_CAPTIONS.read(held_out / "captions" / "captions.parquet").to_pylist()
    assert [row["key"] for row in captions] == [f"pair{number}" for number in (1, 3, 4, 6, 7, 2, 5, 8)]
    model = PretrainedModel.load(made.finetuned / "captions")
    pictures = [annotated.picture(number) for number in (1, 3)]
    said = [caption.text for caption in model.captions(model.encode(pictures))]
    assert said == [row["caption"] for row in captions[:2]]
    assert all((made.plots / name / "training.csv").is_file() for name in metrics)


def test_without_more_pretraining_tasks_start_from_the_pretrained_model(made: Paths, tmp_path: Path):
    retrieval = FinetuneParams.model_validate({"tasks": [PARAMS.tasks[2].model_dump()]})
    assert set(Finetuning(retrieval, elsewhere(made, tmp_path)).run()) == {"retrieval"}
    assert [folder.name for folder in (tmp_path / "models").iterdir()] == ["retrieval"]


def test_trainings_share_the_tokens_of_images(made: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    encoded: list[tuple[Path, tuple[str, ...]]] = []

    def counted(vision: VisionTower, store: PixelStore, device: torch.device) -> ImageInputs:
        encoded.append((store.shards.folder, tuple(store.keys)))
        return image_inputs(vision, store, device)

    monkeypatch.setattr(train, "image_inputs", counted)
    params = PARAMS.model_copy(update={"tasks": PARAMS.tasks[:2]})
    Finetuning(params, elsewhere(made, tmp_path)).run()
    assert len(encoded) == len(set(encoded)) == 5  # pairs and annotations, both splits; the benchmark


def test_annotations_of_one_source_can_be_named(made: Paths):
    everything = read("annotations", made)
    names = set(everything.sources) - {""}
    assert len(names) > 1
    parts = [read(f"annotations/{name}", made) for name in sorted(names)]
    assert sum(len(part.questions.pieces) for part in parts) == len(everything.questions.pieces)
    assert all(set(part.sources) == {name} for name, part in zip(sorted(names), parts, strict=True))
    with pytest.raises(UserError, match="Nothing comes from a source of annotations"):
        read("annotations/unknown", made)


def test_tasks_on_one_source_and_on_all_see_their_own_images(made: Paths, tmp_path: Path):
    name = sorted(set(read("annotations", made).sources) - {""})[-1]
    inputs: dict[tuple[Path, tuple[str, ...]], ImageInputs] = {}
    steps = [
        Step(made, made.pretrained, f"step{number}", PARAMS.tasks[0].samples, PARAMS, shared)
        for number, shared in enumerate((inputs, inputs, {}))
    ]
    everything = steps[0].data_set("annotations", "train")
    found, alone = (step.data_set(f"annotations/{name}", "train") for step in steps[1:])
    assert isinstance(found.images, torch.Tensor) and isinstance(alone.images, torch.Tensor)
    assert len(found.samples.keys) < len(everything.samples.keys)
    assert torch.equal(found.images, alone.images)


def finetune_until(root: str, training: str, death: int | None) -> None:
    """Fine-tune; before update `death` of a training this process kills itself."""
    die_before(death, training)
    Finetuning(PARAMS, Paths.of(Path(root), "finetune")).run()


def test_a_killed_finetuning_gives_the_same_bytes(tmp_path: Path, root: Path):
    write_data(Paths.of(tmp_path / "whole", "finetune"))
    shutil.copytree(tmp_path / "whole", tmp_path / "killed")
    models, said = [], []
    for name, deaths in (("whole", []), ("killed", [("finetune-continued", 2), ("finetune-captions", 1)])):
        paths = Paths.of(tmp_path / name, "finetune")
        for training, death in [*deaths, ("", None)]:
            call = f"{__name__}.finetune_until({str(paths.root)!r}, {training!r}, {death})"
            said.append(in_process(root, call, death is not None))
        models.append(contents(paths.finetuned, paths.results))
    assert "finetune-continued: going on from step 2" in said[2]
    assert "finetune-captions: going on from step 1" in said[3]
    assert models[0] == models[1]


def test_two_processes_continue_like_one(made: Paths, root: Path, tmp_path: Path):
    Finetuning(CONTINUED_PARAMS, elsewhere(made, tmp_path)).run()
    assert in_two_processes(root, "tests.questioner.finetuning.two_processes", made.root, tmp_path) == [0, 0]
    expected = read_tensors(tmp_path / "models" / "continued" / "model.safetensors")
    for rank in range(2):
        found = read_tensors(tmp_path / f"models-{rank}" / "continued" / "model.safetensors")
        torch.testing.assert_close(found, expected, atol=4e-5, rtol=0)


def test_triplets_are_samples_of_their_pairs(made: Paths):
    found = read("triplets", made)
    assert found.keys == read("pairs", made).keys
    assert found.questions.first.tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert [PROMPTS.text(found.questions.answers[row]) for row in range(3)] == ["red", "green", "red"]
    assert PROMPTS.text(found.regions.phrases[1]) == "a green square"
    assert found.captions.first.tolist() == [0] * 7
    (made.triplets / "train-00000-dc.parquet").rename(made.triplets / "gone")
    with pytest.raises(UserError, match="finetune ask for kept region captions"):
        read("triplets", made)
    (made.triplets / "gone").rename(made.triplets / "train-00000-dc.parquet")


@pytest.mark.parametrize(("source", "task"), [("annotations", "questions"), ("pairs", "captions")])
def test_fewer_samples_are_a_part_of_more(made: Paths, source: str, task: str):
    whole = read(source, made)

    def texts(most: int | None, seed: int = 0) -> set[tuple[str, str]]:
        part = samples_of_task(whole, task, most, seed, PROMPTS, LIMITS)
        of_task = part.questions if task == "questions" else part.captions
        found = {
            (part.keys[image], PROMPTS.text(of_task.pieces[row]))
            for image in range(len(part.keys))
            for row in range(of_task.first[image], of_task.first[image + 1])
        }
        assert len(of_task.pieces) == len(found)
        return found

    assert len(texts(None)) == len(texts(1000)) == 10
    assert len(texts(3)) == 3 and texts(3) < texts(7) < texts(None)
    assert len({frozenset(texts(3, seed)) for seed in range(5)}) > 1


def test_an_update_draws_only_images_with_something_for_the_task(made: Paths):
    """Of the annotated images most have regions, which no downstream task learns from."""
    two = samples_of_task(read("annotations", made), "questions", 2, 0, PROMPTS, LIMITS)
    assert len(two.regions.phrases) == len(two.captions.pieces) == 0
    sampler = Sampler(two, PARAMS.tasks[0].samples.sample_params(30), 3, 0, "annotations")
    assert all(item.questions for step in range(20) for item in sampler.batch(step))


@pytest.mark.parametrize("changed", [{"temperature": 0.5}, {"dropout": 0.3}])
def test_every_parameter_of_the_stage_decides_its_trainings(made: Paths, tmp_path: Path, changed: dict[str, float]):
    """A training that finished with another temperature or dropout is not taken for this one."""
    models = []
    for parameters in ({}, changed):
        params = FinetuneParams.model_validate({**parameters, "tasks": [PARAMS.tasks[2].model_dump()]})
        Finetuning(params, elsewhere(made, tmp_path)).run()
        models.append((tmp_path / "models" / "retrieval" / "model.safetensors").read_bytes())
    assert models[0] != models[1]


@pytest.mark.parametrize("dropout", [None, 0.0, 0.3])
def test_the_text_model_drops_out_as_the_stage_says(made: Paths, tmp_path: Path, dropout: float | None):
    params = FinetuneParams.model_validate({"dropout": dropout, "tasks": [PARAMS.tasks[2].model_dump()]})
    step = Step(made, made.pretrained, "retrieval", params.tasks[0].samples, params, {})
    expected = load_model(made.pretrained, PRETRAINED).config.text.hidden_dropout_prob if dropout is None else dropout
    rates = {module.p for module in step.modules.questioner.text.modules() if isinstance(module, nn.Dropout)}
    rates |= {m.dropout_rate for m in step.modules.questioner.text.modules() if isinstance(m, BertSelfAttention)}
    assert rates == {expected, step.config.text.hidden_dropout_prob, step.config.text.attention_probs_dropout_prob}


def test_a_picture_that_was_painted_over_is_refused_beside_a_finetuning_from_pixels_that_finished(
    made: Paths, tmp_path: Path
):
    pairs, tasks = shutil.copytree(made.pairs, tmp_path / "pairs"), PARAMS.model_dump()["tasks"][1:]
    pretrained = tmp_path / "pretrained"
    copy = replace(elsewhere(made, tmp_path), pairs=pairs, pretrained=pretrained)
    model = pretrained_by.PARAMS.model.model_copy(update={"train_image_encoder": True})
    Pretraining(pretrained_by.PARAMS.model_copy(update={"model": model}), copy).run()
    params = FinetuneParams.model_validate({"tasks": tasks})
    Finetuning(params, copy).run()
    annotated.paint_over(pairs, "pair4")
    with pytest.raises(UserError, match="not the one that the manifest lists") as error:
        Finetuning(params, copy).run()
    assert error.value.where.endswith("train-00000.tar: pair4")


def test_a_source_without_what_a_task_needs_is_refused(made: Paths, tmp_path: Path):
    task = PARAMS.tasks[1].model_dump()
    for source, message in (
        ("annotations", "nothing for the task captions"),
        ("benchmarks/none", "dvc repro fetch_benchmarks"),
    ):
        wrong = FinetuneParams.model_validate({"tasks": [task | {"validate_on": source}]})
        with pytest.raises(UserError, match=message):
            Finetuning(wrong, elsewhere(made, tmp_path)).run()


@pytest.mark.parametrize("names", [["a", "a"], ["continued"], ["../a"]])
def test_names_of_tasks_are_names_of_folders(names: list[str]):
    task = PARAMS.tasks[0].model_dump()
    with pytest.raises(ValidationError, match="name"):
        FinetuneParams.model_validate({"tasks": [task | {"name": name} for name in names]})


def test_nothing_to_go_on_with_is_refused():
    with pytest.raises(ValidationError, match="at least one weight"):
        FinetuneParams.model_validate({"tasks": [], "continued": {**CONTINUED, "data": {"pairs": 0, "triplets": 0}}})

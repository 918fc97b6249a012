"""Model folders, the generator and the filter model: round trip, bytes, sharing of work, and clear errors."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.questioner import annotated, toy

from pipeline.core.errors import UserError
from pipeline.core.parameters.bounds import Precision
from pipeline.encoders.bert.layers import BertConfig
from pipeline.encoders.common.params import ImageEncoderParams
from pipeline.execution.batch_memory import tensor_bytes
from pipeline.questioner.decoding.filter_model import FilterModel
from pipeline.questioner.decoding.generator import Generator, ordinals_of, type_in_prompt
from pipeline.questioner.decoding.params import SamplingParams
from pipeline.questioner.decoding.tasks import DecoderInput
from pipeline.questioner.model import checkpoint
from pipeline.questioner.model.checkpoint import (
    FILTER,
    GENERATOR,
    LoadedModel,
    ModelConfig,
    QuestionerModules,
    load_model,
    save_model,
)
from pipeline.questioner.model.questioner import Questioner
from pipeline.questioner.model.region_prompt import token_grid
from pipeline.questioner.model.vision import VisionTower

BOXES = [[[0.0, 0.0, 0.5, 0.5], [0.2, 0.1, 0.9, 1.0]], [], [[0.0, 0.0, 1.0, 1.0]]]
KEYS = ["one", "two", "three"]
TYPES = ["what", "what", "how", "binary", "binary", "other"]
CAPTIONS = SamplingParams(seed=5, top_k=3, max_tokens=8)
QUESTIONS = SamplingParams(seed=5, top_k=6, max_tokens=12)


@pytest.fixture(autouse=True)
def own_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test's image encoder stands for whichever is named."""
    monkeypatch.setattr(checkpoint, "load_image_encoder", lambda *_: annotated.encoder())


def made(
    task: str = GENERATOR, region_prompt: str = "roi_tokens", trained: bool = False
) -> tuple[ModelConfig, QuestionerModules]:
    encoder = annotated.encoder()
    text = toy.questioner(seed=4, sharpness=20.0, ending=1.0).text
    model = Questioner(text, encoder.dim, token_grid(encoder), region_prompt == "roi_tokens").float()
    config = ModelConfig(task, region_prompt, ImageEncoderParams(), encoder.weights_hash, trained, text.config, 12, 5)
    return config, QuestionerModules(VisionTower(encoder, trained, region_prompt == "mask_channel"), model)


def saved(path: Path, task: str = GENERATOR, region_prompt: str = "roi_tokens", trained: bool = False) -> Path:
    config, modules = made(task, region_prompt, trained)
    save_model(path, config, modules, toy.tokenizer(), {"stage": "test"})
    return path


@pytest.mark.parametrize(
    ("region_prompt", "trained"), [("roi_tokens", False), ("mask_channel", True), ("coordinates", True)]
)
def test_round_trip(tmp_path: Path, region_prompt: str, trained: bool):
    """What was saved writes the same after loading; equal weights are equal bytes."""
    path = saved(tmp_path / "a", region_prompt=region_prompt, trained=trained)
    again = saved(tmp_path / "b", region_prompt=region_prompt, trained=trained)
    assert {file.name for file in path.iterdir()} >= {"model.safetensors", "config.json", "vocab.txt"}
    for file in path.iterdir():
        assert file.read_bytes() == (again / file.name).read_bytes()
    config, modules = made(region_prompt=region_prompt, trained=trained)
    first = Generator(LoadedModel(config, modules.vision.eval(), modules.questioner.eval(), toy.prompts(12), ""))
    second = Generator.load(path)
    assert second.weights_hash == Generator.load(again).weights_hash
    pictures = [annotated.picture(number) for number in range(3)]
    described = first.describe(pictures, BOXES, KEYS, CAPTIONS)
    assert described == second.describe(pictures, BOXES, KEYS, CAPTIONS)
    assert [len(own) for own in described] == [2, 0, 1]
    names = json.loads((path / "config.json").read_text())
    assert names["image_hash"] == config.image_hash


def test_weights_hash_tells_models_apart(tmp_path: Path):
    config, modules = made()
    save_model(tmp_path / "a", config, modules, toy.tokenizer(), {})
    with torch.no_grad():
        modules.questioner.image_type[0] += 1
    save_model(tmp_path / "b", config, modules, toy.tokenizer(), {})
    save_model(tmp_path / "c", replace(config, max_tokens=9), modules, toy.tokenizer(), {})
    hashes = {load_model(tmp_path / name, GENERATOR).weights_hash for name in "abc"}
    assert len(hashes) == 3


def test_asking(tmp_path: Path):
    """A text depends on image, key, box, type and ordinal, not on what else is asked."""
    generator = Generator.load(saved(tmp_path))
    pictures = [annotated.picture(number) for number in range(3)]
    captions = [["a red square", "the circle"], [], [""]]
    encoded = generator.encode(pictures)
    asked = generator.ask(encoded, BOXES, captions, KEYS, TYPES, QUESTIONS)
    assert [[len(pairs) for pairs in own] for own in asked] == [[6, 6], [], [6]]
    assert [pair.question_type for pair in asked[0][0]] == TYPES
    assert generator.ask(pictures, BOXES, captions, KEYS, TYPES, QUESTIONS) == asked
    alone = generator.ask(pictures[2:], BOXES[2:], captions[2:], KEYS[2:], ["how", "what"], QUESTIONS)
    assert alone[0][0][0].question == asked[2][0][2].question
    assert alone[0][0][1].question == asked[2][0][0].question
    other_key = generator.ask(pictures[2:], BOXES[2:], captions[2:], ["other"], TYPES, QUESTIONS)
    assert [pair.question for pair in other_key[0][0]] != [pair.question for pair in asked[2][0]]
    for pair in (pair for own in asked for pairs in own for pair in pairs):
        assert (pair.answer == "") == (pair.confidence == 0)
        assert 0 <= pair.confidence <= 1


@pytest.mark.parametrize("region_prompt", ["roi_tokens", "mask_channel"])
def test_bfloat16_rounds_the_probabilities(tmp_path: Path, region_prompt: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pipeline.execution.precision.has_bfloat16", lambda _: True)
    path = saved(tmp_path, region_prompt=region_prompt)
    boxes = [box for of_image in BOXES for box in of_image]
    probabilities: list[list[float]] = []
    for asked in ("float32", "bfloat16"):
        generator = Generator.load(path, asked)
        cross = generator.cross_keys_values([annotated.picture(number) for number in range(3)], BOXES)
        texts = generator.decoder.captions(cross, boxes, [1, 2, 3], CAPTIONS.model_copy(update={"top_k": 1}))
        probabilities.append([text.probabilities[0] for text in texts])
    exact, rounded = probabilities
    assert exact != rounded
    assert all(abs(one - other) < 0.01 for one, other in zip(exact, rounded, strict=True))


def test_kinds_of_questions():
    assert ordinals_of(["what", "binary", "what", "binary", "binary"]) == [0, 0, 1, 1, 2]
    assert [type_in_prompt("binary", turn) for turn in range(3)] == ["yes", "no", "yes"]
    assert type_in_prompt("what", 1) == "what"


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("region_prompt", ["roi_tokens", "coordinates", "mask_channel"])
def test_the_memory_of_a_batch_is_that_of_the_tensors_in_it(tmp_path: Path, region_prompt: str, precision: Precision):
    generator = Generator.load(saved(tmp_path, region_prompt=region_prompt), precision)
    encoded = generator.encode([annotated.picture(number) for number in range(3)])
    cross = generator.cross_keys_values(encoded, BOXES)
    prompts = [generator.prompts.pair_prompt(None, box, []) for of_image in BOXES for box in of_image]
    starts = [[generator.prompts.tokenizer.cls]] * 6
    state = generator.decoder.state(DecoderInput(cross, prompts, range(3), [0, 0, 1, 1, 2, 2], starts))
    memory = generator.memory
    assert 3 * memory.image == encoded.images.nbytes
    assert 3 * memory.box == tensor_bytes(cross) > 0
    assert 6 * memory.text == tensor_bytes(state.layers) > 0


def test_nothing_to_do(tmp_path: Path):
    generator = Generator.load(saved(tmp_path / "generator"))
    pictures = [annotated.picture(0)]
    assert generator.describe(pictures, [[]], ["a"], CAPTIONS) == [[]]
    assert generator.ask(pictures, [[]], [[]], ["a"], TYPES, QUESTIONS) == [[]]
    assert generator.ask(pictures, [BOXES[2]], [[""]], ["a"], [], QUESTIONS) == [[[]]]
    filter_model = FilterModel.load(saved(tmp_path / "filter", FILTER, "coordinates"))
    assert filter_model.answer(pictures, [[]]) == [[]]


def test_answering(tmp_path: Path):
    filter_model = FilterModel.load(saved(tmp_path, FILTER, "coordinates"))
    pictures = [annotated.picture(number) for number in range(3)]
    questions = [["what colour is it?", "is there a square?"], [], ["how many are there?"]]
    answers = filter_model.answer(pictures, questions)
    assert [len(own) for own in answers] == [2, 0, 1]
    assert answers[2][0].text == filter_model.answer(pictures[2:], questions[2:])[0][0].text
    assert all(0 <= answer.confidence <= 1 for own in answers for answer in own)


def test_clear_errors(tmp_path: Path):
    path = saved(tmp_path / "generator")
    with pytest.raises(UserError, match="another task"):
        FilterModel.load(path)
    with pytest.raises(UserError, match="missing"):
        Generator.load(tmp_path / "nowhere")
    content = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps({**content, "image_hash": "else"}))
    with pytest.raises(UserError, match="not as it was written"):
        Generator.load(path)
    (path / "provenance.json").unlink()
    with pytest.raises(UserError, match="not those"):
        Generator.load(path)
    (path / "config.json").write_text(json.dumps({**content, "region_prompt": "coordinates"}))
    with pytest.raises(UserError, match="do not fit"):
        Generator.load(path)
    for change in (
        {"max_tokens": -5},
        {"max_tokens": "24"},
        {"max_answer_tokens": 10**9},
        {"text": content["text"] | {"hidden_size": 64, "num_attention_heads": 7}},
        {"text": content["text"] | {"vocab_size": 10**12}},
        {"text": content["text"] | {"num_hidden_layers": 10**9}},
        {"text": []},
    ):
        (path / "config.json").write_text(json.dumps(content | change))
        with pytest.raises(UserError, match="not a questioner's configuration"):
            Generator.load(path)
    (path / "config.json").write_text(json.dumps(content | {"text": content["text"] | {"num_hidden_layers": 900}}))
    with pytest.raises(UserError, match="do not fit its configuration"):
        Generator.load(path)
    (path / "config.json").write_text("{}")
    with pytest.raises(UserError, match="not a questioner's configuration"):
        Generator.load(path)
    assert BertConfig(**content["text"]) == made()[0].text

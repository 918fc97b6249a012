"""What ships with the package: small enough, whole, and useful."""

from pathlib import Path

import numpy as np
import torch
from scripts.pretraining.masked_words import pseudo_perplexity
from scripts.pretraining.probe import box_features, probe, things_of

from pipeline.encoders.bert.checkpoint import load_bert
from pipeline.encoders.bert.tokenizer import Tokenizer
from pipeline.encoders.common.params import ImageEncoderParams, TextEncoderParams
from pipeline.encoders.common.resolve import BERT_FOLDER, PACKAGED_WEIGHTS, resolve
from pipeline.encoders.image.encoder import load_image_encoder
from pipeline.toyworld.language import texts
from pipeline.toyworld.world.attributes import ATTRIBUTES
from pipeline.toyworld.world.render import render
from pipeline.toyworld.world.scenes import draw_scene

WORLD = 4242
"""A world that no encoder was trained on."""


def test_size() -> None:
    files = [path for path in PACKAGED_WEIGHTS.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 6_000_000


def test_vocabulary_knows_every_word_of_the_toy_world() -> None:
    tokenizer = Tokenizer.load(BERT_FOLDER)
    assert [word for word in texts.vocabulary() if word not in tokenizer.ids] == []
    assert tokenizer.unused(323)


def test_image_encoder_knows_attributes(root: Path) -> None:
    """A probe on few pictures: far above chance (an eighth, an eighth, a half, a third)."""
    scenes = [draw_scene(WORLD, "pretraining", index) for index in range(500)]
    pictures = np.stack([np.asarray(render(scene)) for scene in scenes])
    encoder = load_image_encoder(ImageEncoderParams(), root)
    parts = []
    for part in (slice(0, 400), slice(400, 500)):
        labels = [
            [{name: of.index(getattr(thing, name)) for name, of in ATTRIBUTES.items()} for thing in scene.things]
            for scene in scenes[part]
        ]
        things = things_of([[thing.box for thing in scene.things] for scene in scenes[part]], labels)
        parts += [box_features(encoder, pictures[part], things, encoder.preprocessing), things]
    figures = probe(*parts)
    floor = {"shape": 40, "colour": 80, "size": 85, "pattern": 80, "position": 70}
    assert {name: figures[name] for name in floor if figures[name] < floor[name]} == {}


def test_text_encoder_knows_the_language(root: Path) -> None:
    model, tokenizer, fresh = load_bert(resolve(TextEncoderParams(), root))
    assert fresh == []
    captions = [
        caption for index in range(6) for caption in texts.benchmark_captions(draw_scene(WORLD, "pairs", index))
    ]
    with torch.inference_mode():
        assert pseudo_perplexity(model.eval(), tokenizer, captions) < 5

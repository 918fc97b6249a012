"""Make the encoders that ship with the package, and the figures in docs/builtin-encoders.md.

Both learn from the toy world's group `pretraining`, whose scenes no other group holds: the image encoder from
pictures alone (it never sees a word or a label), the text encoder from texts alone (it never sees a picture).

    python scripts/pretrain_builtin.py vit               # src/pipeline/encoders/weights/vit/
    python scripts/pretrain_builtin.py bert              # src/pipeline/encoders/weights/bert/
    python scripts/pretrain_builtin.py probe             # what the image encoder knows, beside two controls
    python scripts/pretrain_builtin.py control FILE      # the control that saw the labels
    python scripts/pretrain_builtin.py classifier FILE   # a teacher that knows classes
"""

import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
import typer
from timm.models.vision_transformer import VisionTransformer

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from scripts.pretraining.classifier import Classifier, uniform_labels
from scripts.pretraining.labelled_pictures import Pictures
from scripts.pretraining.masked_words import MaskedWords, pseudo_perplexity
from scripts.pretraining.ngrams import bigram_perplexity, unigram_perplexity
from scripts.pretraining.probe import box_features, probe, things_of
from scripts.pretraining.region_contrast import RegionContrast
from scripts.pretraining.supervised import Supervised
from scripts.pretraining.vocabulary import build_vocabulary

from pipeline.core.files import hash_json, read_json, write_json
from pipeline.core.settings import machine
from pipeline.encoders.bert.checkpoint import load_bert, save_bert
from pipeline.encoders.bert.layers import BertConfig
from pipeline.encoders.bert.model import BertLM
from pipeline.encoders.bert.tokenizer import Tokenizer
from pipeline.encoders.common.checkpoint import halved, write_tensors
from pipeline.encoders.common.params import ImageEncoderParams, TextEncoderParams
from pipeline.encoders.common.resolve import BERT_FOLDER, RANDOM, VIT_FILE, resolve
from pipeline.encoders.image.builtin_vit import builtin_vit, fold_batch_norms
from pipeline.encoders.image.encoder import load_image_encoder
from pipeline.encoders.image.timm_model import preprocessing_of
from pipeline.toyworld.language import texts
from pipeline.toyworld.world.attributes import ATTRIBUTES, COLOURS, SHAPES
from pipeline.toyworld.world.render import render
from pipeline.toyworld.world.scenes import draw_scene
from pipeline.training.history import History
from pipeline.training.loop import train
from pipeline.training.objective import Objective
from pipeline.training.params import TrainingParams

WORLD = 7001
"""Seed of the world whose group `pretraining` is learned from."""
PICTURES = 20_000
PROBE_TRAIN, PROBE_TEST = 3_000, 1_000
"""Pictures of the probe, which come after those for learning."""
TEXT_SCENES, HELD_OUT_SCENES = 12_000, 200
VIT_TRAINING = TrainingParams(
    seed=0,
    steps=4000,
    batch_size=64,
    learning_rate=2e-3,
    warmup_ratio=0.03,
    weight_decay=0.05,
    precision="bfloat16",
    eval_every=200,
)
VIT_TEMPERATURE = 0.1
BERT_TRAINING = TrainingParams(seed=0, steps=1500, batch_size=128, learning_rate=1e-3, eval_every=250)
CONTROL_TRAINING = TrainingParams(
    seed=0, steps=1200, batch_size=64, learning_rate=2e-3, weight_decay=0.05, eval_every=200
)
CLASSIFIER_TRAINING = TrainingParams(
    seed=0, steps=2000, batch_size=64, learning_rate=2e-3, weight_decay=0.05, eval_every=200
)
BERT_SHAPE: dict[str, Any] = {
    "hidden_size": 160,
    "num_hidden_layers": 4,
    "num_attention_heads": 5,
    "intermediate_size": 480,
    "max_position_embeddings": 64,
}
FIGURES = ROOT / "docs" / "builtin-encoders.json"

app = typer.Typer(add_completion=False, help=__doc__, rich_markup_mode=None)


@app.command()
def vit() -> None:
    """Pretrain the image encoder on pictures."""
    pictures, _ = draw(range(PICTURES))
    torch.manual_seed(VIT_TRAINING.seed)
    encoder = builtin_vit(batch_norm=True)
    objective = RegionContrast(
        encoder, pictures, preprocessing_of(encoder, {}), VIT_TRAINING.batch_size, VIT_TEMPERATURE, VIT_TRAINING.seed
    )
    history = learn(objective, VIT_TRAINING, "pretrain_vit")
    save_vit(VIT_FILE, encoder)
    note("vit_training", {"best_step": history.best_step, **history.validation[-1]})


@app.command()
def bert() -> None:
    """Pretrain the text encoder on texts, and compare its perplexity with counting words."""
    train_texts = list(texts_of(range(TEXT_SCENES)))
    held_out = list(texts_of(range(TEXT_SCENES, TEXT_SCENES + HELD_OUT_SCENES)))
    tokenizer = Tokenizer(build_vocabulary([*train_texts, *texts.vocabulary()], max_words=4000))
    torch.manual_seed(BERT_TRAINING.seed)
    model = BertLM(BertConfig(vocab_size=len(tokenizer), **BERT_SHAPE))
    objective = MaskedWords(model, tokenizer, train_texts, BERT_TRAINING.batch_size, BERT_TRAINING.seed)
    learn(objective, BERT_TRAINING, "pretrain_bert")
    save_bert(BERT_FOLDER, model, tokenizer)

    model, _, _ = load_bert(resolve(TextEncoderParams(), ROOT))
    rows, held_out_rows = tokenizer.batch_pieces(train_texts), tokenizer.batch_pieces(held_out)
    note(
        "bert_perplexity",
        {
            "texts": len(train_texts),
            "held_out_texts": len(held_out),
            "vocabulary": len(tokenizer),
            "bert": pseudo_perplexity(model.eval(), tokenizer, held_out),
            "bigram": bigram_perplexity(rows, held_out_rows, len(tokenizer)),
            "unigram": unigram_perplexity(rows, held_out_rows, len(tokenizer)),
        },
    )


@app.command(name="probe")
def probe_command() -> None:
    """Probe the packaged image encoder, an untrained one, and one that was trained on the labels."""
    pictures, scenes = draw(range(PICTURES, PICTURES + PROBE_TRAIN + PROBE_TEST))
    sets = [(pictures[part], labelled(scenes[part])) for part in (slice(PROBE_TRAIN), slice(PROBE_TRAIN, None))]
    packaged = load_image_encoder(ImageEncoderParams(), ROOT)
    for name, encode in (
        ("untrained", load_image_encoder(ImageEncoderParams(weights=RANDOM), ROOT)),
        ("self-supervised", packaged),
        ("supervised", supervised().forward_features),
    ):
        (train_x, train_things), (test_x, test_things) = (
            (box_features(encode, some, things, packaged.preprocessing), things) for some, things in sets
        )
        note(f"probe_{name}", probe(train_x, train_things, test_x, test_things))


@app.command()
def control(file: Path) -> None:
    """Write the control that was trained on the labels, to be named by `image.weights` in place of the packaged one."""
    save_vit(file, supervised())


@app.command()
def classifier(file: Path) -> None:
    """Write a supervised teacher (classes: pairs of shape and colour) for `embed_teacher.encoder.weights` to name."""
    pictures, scenes = draw(range(PICTURES))
    torch.manual_seed(CLASSIFIER_TRAINING.seed)
    encoder = builtin_vit(batch_norm=True, num_classes=len(SHAPES) * len(COLOURS))
    labels = uniform_labels([pairs_in(things) for things in scenes], encoder.num_classes)
    params, preprocessing = CLASSIFIER_TRAINING, preprocessing_of(encoder, {})
    objective = Classifier(encoder, Pictures(pictures, preprocessing, params.batch_size, params.seed), labels)
    learn(objective, CLASSIFIER_TRAINING, "classifier_vit")
    save_vit(file, encoder)


def pairs_in(things: list[Any]) -> set[int]:
    """Numbers of the pairs of shape and colour that occur in a picture."""
    return {label["shape"] * len(COLOURS) + label["colour"] for _, label in things}


def save_vit(file: Path, encoder: VisionTransformer) -> None:
    """Write an image encoder as `builtin:vit` reads it."""
    write_tensors(file, halved(fold_batch_norms(encoder).state_dict()))


def supervised() -> VisionTransformer:
    """The control: the same shape, trained on the attributes of the pictures that the packaged one saw."""
    pictures, scenes = draw(range(PICTURES))
    torch.manual_seed(CONTROL_TRAINING.seed)
    encoder = builtin_vit(batch_norm=True)
    params, preprocessing = CONTROL_TRAINING, preprocessing_of(encoder, {})
    objective = Supervised(encoder, Pictures(pictures, preprocessing, params.batch_size, params.seed), labelled(scenes))
    learn(objective, CONTROL_TRAINING, "control_vit")
    return encoder.eval()


def learn(objective: Objective, params: TrainingParams, name: str) -> History:
    """Train; a second start with the same parameters and shape resumes."""
    shape = {key: list(value.shape) for key, value in objective.state_dict().items()}
    fingerprint = hash_json([params.model_dump(), shape, WORLD, VIT_TEMPERATURE])
    return train(
        objective, params, name=name, fingerprint=fingerprint, scratch=ROOT / ".finealign", device=machine().device
    )


def draw(indices: range) -> tuple[np.ndarray, list[Any]]:
    """Pictures uint8 [N,96,96,3] and what is on each: boxes and labels of its things."""
    with ProcessPoolExecutor(machine().workers) as pool:
        drawn = list(pool.map(draw_one, indices, chunksize=250))
    return np.stack([picture for picture, _ in drawn]), [things for _, things in drawn]


def draw_one(index: int) -> tuple[np.ndarray, list[Any]]:
    """One picture and its things: (box, label per attribute)."""
    scene = draw_scene(WORLD, "pretraining", index)
    things = [
        (thing.box, {name: values.index(getattr(thing, name)) for name, values in ATTRIBUTES.items()})
        for thing in scene.things
    ]
    return np.asarray(render(scene)), things


def labelled(scenes: list[Any]) -> Any:
    """Boxes and labels in the probe's form."""
    return things_of(
        [[box for box, _ in things] for things in scenes], [[label for _, label in things] for things in scenes]
    )


def texts_of(indices: range) -> Iterator[str]:
    """All texts of scenes: alt-text, captions, region phrases, questions with their answers."""
    for index in indices:
        scene = draw_scene(WORLD, "pretraining", index)
        yield texts.alt_text(scene)
        yield from texts.benchmark_captions(scene)
        yield from (region.phrase for region in texts.region_phrases(scene))
        yield from (f"{asked.question} {asked.answer}" for asked in texts.question_answers(scene))


def note(name: str, figures: dict[str, Any]) -> None:
    """Print figures and keep them in docs/builtin-encoders.json."""
    rounded = {key: round(value, 2) if isinstance(value, float) else value for key, value in figures.items()}
    print(name, rounded, flush=True)
    before = read_json(FIGURES) if FIGURES.is_file() else {}
    write_json(FIGURES, {**before, name: rounded})


if __name__ == "__main__":
    app()

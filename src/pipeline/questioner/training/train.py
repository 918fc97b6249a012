"""Train a generator or a filter model on `data/annotations/`, measure it, and write its folder."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from pipeline.core.files import hash_file
from pipeline.core.settings import machine
from pipeline.core.stage import Paths
from pipeline.encoders.common.checkpoint import WEIGHTS
from pipeline.encoders.common.params import TextEncoderParams
from pipeline.encoders.common.resolve import resolve
from pipeline.encoders.image.encoder import ImageEncoder, load_image_encoder
from pipeline.questioner.decoding.filter_model import Answerer
from pipeline.questioner.decoding.generator import Generator
from pipeline.questioner.model.checkpoint import FILTER, GENERATOR, Loaded, Parts, Setup, load_weights, save_model
from pipeline.questioner.model.prompts import Prompts
from pipeline.questioner.model.questioner import Questioner
from pipeline.questioner.model.region_prompt import token_grid
from pipeline.questioner.model.text_model import load_text_model
from pipeline.questioner.model.vision import Sight
from pipeline.questioner.training.dataset import Limits, Samples, read_samples
from pipeline.questioner.training.held_out_rows import with_answers, with_captions
from pipeline.questioner.training.image_inputs import PixelStore, all_tokens, chosen_tokens
from pipeline.questioner.training.measures import BlindAnswerer, caption_figures, question_figures
from pipeline.questioner.training.objective import FilterObjective, GeneratorObjective, HiddenWords, Pictures
from pipeline.questioner.training.params import TrainFilterParams, TrainGeneratorParams
from pipeline.questioner.training.sampler import Sampler
from pipeline.questioner.training.validate import answer_boxed, answer_questions, caption_boxes
from pipeline.storage.shards import ImageShards
from pipeline.tables.held_out import HELD_OUT_ANSWERS, HELD_OUT_CAPTIONS
from pipeline.training.checkpoint import training_fingerprint
from pipeline.training.loop import train

MEASURED = 1_000
"""Images on which the spread of the tokens is measured."""
AnyParams = TrainGeneratorParams | TrainFilterParams
TABLES = ("manifest.parquet", "regions.parquet", "questions.parquet")


class Fitting:
    """One training: data, model and objective. Raises UserError for missing data, weights, or nothing to train on."""

    def __init__(self, params: AnyParams, paths: Paths) -> None:
        self.params, self.paths = params, paths
        self.task = GENERATOR if isinstance(params, TrainGeneratorParams) else FILTER
        self.cue = params.region_cue
        self.device = torch.device(machine().device)
        limits = params.samples
        seed = params.training.seed
        text, self.tokenizer = load_text_model(params.model.text, limits.max_tokens, paths.root, seed)
        self.prompts = Prompts(self.tokenizer, limits.max_tokens)
        shards = ImageShards(paths.annotations)
        columns = (shards.manifest[name].to_pylist() for name in ("key", "url"))
        self.urls: dict[str, str] = dict(zip(*columns, strict=True))
        self.train, self.val = (
            read_samples(
                paths.annotations, shards, split, self.prompts, Limits(limits.max_tokens, limits.max_answer_tokens)
            )
            for split in ("train", "val")
        )
        encoder = load_image_encoder(params.model.image, paths.root)
        self.setup = Setup(
            self.task,
            self.cue,
            params.model.image,
            encoder.weights_hash,
            params.model.train_image_encoder,
            text.config,
            limits.max_tokens,
            limits.max_answer_tokens,
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = Questioner(text, encoder.dim, token_grid(encoder), self.cue == "feature")
            self.parts = Parts(Sight(encoder, params.model.train_image_encoder, self.cue == "pixel"), model)
        self.pictures = [self.pictures_of(encoder, shards, samples) for samples in (self.train, self.val)]
        model.whiten.fit(self.sample_tokens().flatten(0, 1))
        if params.model.start_from:
            load_weights(self.parts, paths.root / params.model.start_from)

    def sample_tokens(self) -> torch.Tensor:
        """Tokens [I,N,W] of training images spread evenly over all of them."""
        count = len(self.train.keys)
        chosen = np.unique(np.linspace(0, count - 1, min(count, MEASURED)).astype(int)).tolist()
        store = self.pictures[0]
        if isinstance(store, torch.Tensor):
            return store[chosen]
        return chosen_tokens(self.parts.sight.encoder, store, chosen, self.device)

    def pictures_of(self, encoder: ImageEncoder, shards: ImageShards, samples: Samples) -> Pictures:
        """Tokens of all images if the encoder is frozen, sees no box, and they fit into memory; else pixels."""
        store = PixelStore(shards, samples.keys, encoder.preprocessing)
        if self.setup.image_trained or self.cue == "pixel":
            return store
        tokens = all_tokens(encoder, store, self.device)
        return store if tokens is None else tokens

    def objective(self) -> HiddenWords:
        """What is trained."""
        params, limits = self.params, self.params.samples
        size, seed = params.training.batch_size, params.training.seed
        sampler = Sampler(self.train, limits, size, seed, where=self.paths.annotations)
        val_items = Sampler(self.val, limits, size, seed, self.paths.annotations).fixed(
            params.validation.images_while_training
        )
        kind = GeneratorObjective if self.task == GENERATOR else FilterObjective
        return kind(
            self.parts.sight,
            self.parts.model,
            self.prompts,
            limits,
            (sampler, self.pictures[0]),
            (val_items, self.val, self.pictures[1]),
            params.model.image_learning_rate_scale,
        )

    def run(self) -> dict[str, Any]:
        """Train, measure, write model, curves and (returned) figures."""
        name = f"train_{self.task}"
        history = train(
            self.objective(),
            self.params.training,
            name=name,
            fingerprint=self.fingerprint(),
            scratch=self.paths.scratch,
            device=str(self.device),
        )
        history.write(self.paths.plots)
        loaded = Loaded(self.setup, self.parts.sight, self.parts.model, self.prompts, "").to(str(self.device))
        folder = self.paths.generator if self.task == GENERATOR else self.paths.filter_model
        save_model(folder, self.setup, self.parts, self.tokenizer, self.provenance(history.best_step))
        return {
            "validation": self.figures(loaded),
            "best_step": history.best_step,
            "samples": {
                split: {
                    "images": len(samples.keys),
                    "questions": len(samples.questions.pieces),
                    "regions": len(samples.regions.phrases),
                    "too_long": samples.too_long,
                }
                for split, samples in (("train", self.train), ("val", self.val))
            },
            "parameters": sum(parameter.numel() for parameter in self.parts.parameters()),
        }

    def figures(self, loaded: Loaded) -> dict[str, Any]:
        """What is measured on the held-out images; what the model said of them goes to `held_out/`."""
        batch = self.params.validation.images_per_batch
        count = min(self.params.validation.images or len(self.val.keys), len(self.val.keys))
        blind = BlindAnswerer(self.train.questions.table)
        batches = [range(start, min(start + batch, count)) for start in range(0, count, batch)]
        questions = self.val.questions.table.slice(0, int(self.val.questions.first[count]))
        folder = self.paths.results / "held_out"
        if self.task == FILTER:
            answers = answer_questions(Answerer(loaded), self.val, self.pictures[1], batches)
            HELD_OUT_ANSWERS.write(folder / "answers.parquet", with_answers(questions, self.urls, answers))
            return question_figures(questions, answers, blind)
        generator = Generator(loaded)
        answers = answer_boxed(generator, self.val, self.pictures[1], batches)
        captions = caption_boxes(generator, self.val, self.pictures[1], batches)
        regions = self.val.regions.table.slice(0, int(self.val.regions.first[count]))
        HELD_OUT_ANSWERS.write(folder / "answers.parquet", with_answers(questions, self.urls, answers))
        HELD_OUT_CAPTIONS.write(folder / "captions.parquet", with_captions(regions, self.urls, captions))
        return {"captions": caption_figures(regions, captions), "answers": question_figures(questions, answers, blind)}

    def fingerprint(self) -> str:
        """What decides the result: code, parameters, weights, data."""
        weights = [self.setup.image_hash, self.text_hash()]
        start = self.params.model.start_from
        more = [self.paths.root / start / WEIGHTS] if start else []
        return training_fingerprint(
            Path(__file__),
            [self.params.model_dump(), weights, str(self.device.type)],
            [*(self.paths.annotations / name for name in TABLES), *more],
        )

    def provenance(self, best_step: int) -> dict[str, Any]:
        """Where the model comes from."""
        return {
            "stage": f"train_{self.task}",
            "parameters": self.params.model_dump(),
            "best_step": best_step,
            "image_encoder": {"name": self.setup.image.name, "weights": self.setup.image_hash},
            "text_model": {"name": self.params.model.text.name, "weights": self.text_hash()},
            "annotations": {name: hash_file(self.paths.annotations / name) for name in TABLES},
        }

    def text_hash(self) -> str:
        """Digest of the text model's weights."""
        text = self.params.model.text
        return resolve(TextEncoderParams(name=text.name, weights=text.weights), self.paths.root).digest

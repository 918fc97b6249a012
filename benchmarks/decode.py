"""How fast the generator decodes: question-answer pairs per second, against other ways of decoding.

    python benchmarks/decode.py --images 4 --layers 4 --hidden 256
    python benchmarks/decode.py --images 1 --image timm:vit_base_patch16_224 --layers 12 --hidden 768 --vocabulary 30000

A questioner with random weights asks 10 questions about each of 16 boxes per image (160 pairs). All ways generate texts
of the same drawn lengths (questions of 5 to 12 words, answers of 1 or 2):

    ours     key-value cache, shared image and prompt keys, finished sequences dropped
    pixel    the same decoding, but one pass of the image encoder per box, which is drawn into the image
    paper    JADE's way: no cache, every word recomputes all, one pass of the image encoder per box (`mask_channel`)
    library  transformers' generate() with its cache, a BERT decoder of the same size

The paper's way is measured on one box, because it is slow. Its batches, and the library's, run until the longest text
is done, as theirs do. Times are wall time on this machine; results/ is not touched.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import numpy as np
import torch
from scripts.pretraining.vocabulary import build_vocabulary
from tests.questioner import slow
from torch import Tensor

from pipeline.encoders.bert.layers import BertConfig
from pipeline.encoders.bert.model import BertLM
from pipeline.encoders.bert.tokenizer import Tokenizer
from pipeline.encoders.common.params import ImageEncoderParams
from pipeline.encoders.image.encoder import load_image_encoder
from pipeline.questioner.decoding.generator import Encoded, Generator, ordinals_of, type_in_prompt
from pipeline.questioner.decoding.params import SamplingParams
from pipeline.questioner.decoding.sampling import DecodedText, DecodingStep, StoppingRule
from pipeline.questioner.decoding.tasks import Decoder, DecoderInput
from pipeline.questioner.model.checkpoint import REPOSITORY, LoadedModel, ModelConfig, QuestionerModules
from pipeline.questioner.model.prompts import Prompts

TYPES = ["what"] * 3 + ["how"] * 2 + ["where"] * 2 + ["who", "why", "when"]
BOXES = 16
WORDS = "generate region caption question answer pair what how where who why when yes no other a red square left of"
CAPTION = "a red square left of a square"
LONGEST = 30


def loaded(args: argparse.Namespace, region_prompt: str) -> LoadedModel:
    """A questioner with random weights."""
    torch.manual_seed(0)
    image = ImageEncoderParams(name=args.image, weights=args.image_weights)
    encoder = load_image_encoder(image, REPOSITORY)
    tokenizer = Tokenizer(build_vocabulary([WORDS], 100) + [f"word{n}" for n in range(args.vocabulary)])
    bert = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=args.hidden,
        num_hidden_layers=args.layers,
        num_attention_heads=args.hidden // 32 if args.hidden < 768 else 12,
        intermediate_size=4 * args.hidden,
        max_position_embeddings=128,
        add_cross_attention=True,
    )
    modules = QuestionerModules.build(encoder, False, BertLM(bert), region_prompt)
    config = ModelConfig("generator", region_prompt, image, encoder.weights_hash, False, bert, LONGEST, LONGEST)
    prompts = Prompts(tokenizer, LONGEST)
    return LoadedModel(config, modules.vision, modules.questioner, prompts, "").to(args.device)


class DrawnLengths(Decoder):
    """A decoder whose texts end after drawn numbers of words, whatever the model says."""

    def decode(self, given: DecoderInput, rule: StoppingRule, limits: int | np.ndarray) -> list[DecodedText]:
        """As the decoder's, but drawn lengths decide where the rule stops."""
        answering = len(given.starts[0]) > 1
        lengths = drawn_lengths(len(given.prompt_of_row))[:, int(answering)]

        def drawn(scores: Tensor, rows: np.ndarray, number: int) -> DecodingStep:
            step = rule(scores, rows, number)
            return replace(step, stops=torch.from_numpy(lengths[rows] <= number).to(scores.device))

        return super().decode(given, drawn, limits)


def drawn_lengths(rows: int) -> np.ndarray:
    """Words of each question and answer, [rows,2]."""
    random = np.random.default_rng(2)
    return np.stack([random.integers(5, 13, rows), random.choice([1, 2], rows, p=[0.8, 0.2])], axis=1)


def generator_of(args: argparse.Namespace, region_prompt: str) -> Generator:
    """A generator whose texts have drawn lengths."""
    generator = Generator(loaded(args, region_prompt))
    generator.decoder = DrawnLengths(generator.decoder.questioner, generator.prompts)
    return generator


def timed(args: argparse.Namespace, work: Callable[[], object]) -> float:
    """Least seconds of some repetitions."""
    seconds: list[float] = []
    for _ in range(args.repeat):
        synchronise(args.device)
        start = time.perf_counter()
        work()
        synchronise(args.device)
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def synchronise(device: str) -> None:
    """Wait for the device."""
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def pixels(generator: Generator, count: int) -> Tensor:
    """Random images."""
    size = generator.vision.encoder.preprocessing.size
    values = np.random.default_rng(0).integers(0, 256, (count, size, size, 3), dtype=np.uint8)
    return generator.decoder.on_device(values)


def boxes() -> list[list[float]]:
    """16 random boxes."""
    corners = np.random.default_rng(1).random((BOXES, 2, 2))
    return np.concatenate([corners.min(1) * 0.7, corners.max(1) * 0.3 + 0.7], axis=1).tolist()


def ours(generator: Generator, images: Tensor) -> list[list]:
    """Questions and answers of all images; one image encoder pass each, with the mask channel one per box."""
    count = len(images)
    encoded = Encoded(generator.vision.encode(images))
    sampling = SamplingParams(seed=0, top_k=10, max_tokens=LONGEST)
    captions, keys = [[CAPTION] * BOXES] * count, [str(number) for number in range(count)]
    return generator.ask(encoded, [boxes()] * count, captions, keys, TYPES, sampling)


@torch.inference_mode()
def paper(generator: Generator, image: Tensor, lengths: list[tuple[int, int]]) -> None:
    """One box: the encoder sees the image with the box drawn in, and every word recomputes the whole sequence.

    The ten sequences run together until the longest is done, as in JADE's code.
    """
    prompts, questioner, device = generator.prompts, generator.decoder.questioner, generator.decoder.device
    box = boxes()[0]
    encoded = generator.vision.encode(image)
    corners, first = torch.tensor([box], device=device), torch.zeros(1, dtype=torch.long, device=device)
    tokens = slow.box_tokens_of_images(generator.vision, questioner, encoded, first, corners)
    caption = prompts.pieces([CAPTION])[0]
    types = [type_in_prompt(name, ordinal) for name, ordinal in zip(TYPES, ordinals_of(TYPES), strict=True)]
    rows = len(types)
    for asking, length in ((True, max(q for q, _ in lengths)), (False, max(a for _, a in lengths))):
        given = [prompts.pair_prompt(name if asking else None, box, caption) for name in types]
        before = 1 if asking else 2 + max(q for q, _ in lengths)
        ids, mask = (generator.decoder.on_device(part) for part in generator.prompts.tokenizer.pad_rows(given))
        for step in range(length + 1):
            target = torch.full((rows, before + step + 1), prompts.tokenizer.mask, device=device)
            cross = slow.cross_keys_values(questioner, tokens.expand(rows, -1, -1))
            vectors = questioner.word_vectors(torch.cat([target, ids], dim=1))
            states, _ = questioner(vectors, torch.ones_like(target).bool(), mask.bool(), cross)
            questioner.logits(states[:, -1]).topk(10, dim=1)


def library_decoder(args: argparse.Namespace, generator: Generator) -> Any:
    """transformers' BERT decoder of the generator's size, with random weights.

    Its annotations do not know that this class generates; hence Any.
    """
    from transformers import BertConfig as LibraryConfig
    from transformers import BertLMHeadModel

    source = generator.decoder.questioner.text.config
    library_config = LibraryConfig(
        vocab_size=source.vocab_size,
        hidden_size=source.hidden_size,
        num_hidden_layers=source.num_hidden_layers,
        num_attention_heads=source.num_attention_heads,
        intermediate_size=source.intermediate_size,
        is_decoder=True,
        add_cross_attention=True,
    )
    decoder: Any = BertLMHeadModel(library_config).eval()
    return decoder.to(args.device)


def library(args: argparse.Namespace, generator: Generator, images: Tensor, lengths: list[tuple[int, int]]) -> None:
    """transformers' BERT decoder with cross-attention and cache: all pairs at once, prompt first, then the words.

    A causal decoder cannot restart at the answer with another prompt, so this way saves that second reading.
    """
    from transformers import DynamicCache, EncoderDecoderCache

    decoder = library_decoder(args, generator)
    prompt = generator.prompts.pair_prompt("what", boxes()[0], generator.prompts.pieces([CAPTION])[0])
    encoded = generator.vision.encode(images)
    rows = [(image, box) for image in range(len(images)) for box in boxes() for _ in TYPES]
    corners = torch.tensor([box for _, box in rows], device=args.device)
    image_of_row = torch.tensor([image for image, _ in rows], device=args.device)
    questioner = generator.decoder.questioner
    tokens = slow.box_tokens_of_images(generator.vision, questioner, encoded, image_of_row, corners)
    ids = torch.tensor([prompt] * len(rows), device=args.device)
    longest = max(question + answer + 2 for question, answer in lengths)
    decoder.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        encoder_hidden_states=tokens,
        do_sample=True,
        top_k=10,
        max_new_tokens=longest,
        min_new_tokens=longest,
        use_cache=True,
        past_key_values=EncoderDecoderCache(DynamicCache(), DynamicCache()),
        pad_token_id=0,
    )


def matrix_share(work: Callable[[], object]) -> float:
    """Share of the processor's time that goes into matrix products (attention's included), in percent."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        work()
    times = {row.key: row.self_cpu_time_total for row in profiler.key_averages()}
    products = ("aten::addmm", "aten::mm", "aten::bmm", "aten::_scaled_dot_product_flash_attention_for_cpu")
    return 100 * sum(times.get(name, 0.0) for name in products) / sum(times.values())


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=4)
    parser.add_argument("--hidden", type=int, default=160)
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--vocabulary", type=int, default=0, help="words besides the few that prompts need")
    parser.add_argument("--image", default="builtin:vit")
    parser.add_argument("--image-weights", default="random")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--ways", nargs="+", default=["ours", "mask_channel", "paper", "library"])
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    generator = generator_of(args, "roi_tokens")
    images = pixels(generator, args.images)
    pairs = args.images * BOXES * len(TYPES)
    lengths = [(int(question), int(answer)) for question, answer in drawn_lengths(pairs)]
    measured: dict[str, float] = {"pairs": pairs}
    with torch.inference_mode():
        if "ours" in args.ways:
            measured["ours_pairs_per_second"] = pairs / timed(args, lambda: ours(generator, images))
            measured["ours_matrix_share"] = matrix_share(lambda: ours(generator, images))
        if "mask_channel" in args.ways:
            drawn = generator_of(args, "mask_channel")
            measured["pixel_pairs_per_second"] = pairs / timed(args, lambda: ours(drawn, images))
        if "paper" in args.ways:
            one = generator_of(args, "mask_channel")
            seconds = timed(args, lambda: paper(one, images[:1], lengths[: len(TYPES)]))
            measured["paper_pairs_per_second"] = len(TYPES) / seconds
        if "library" in args.ways:
            seconds = timed(args, lambda: library(args, generator, images, lengths))
            measured["library_pairs_per_second"] = pairs / seconds
    print(json.dumps({name: round(value, 2) for name, value in measured.items()}, indent=2))


if __name__ == "__main__":
    main()

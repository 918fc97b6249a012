"""A pre-trained model at work: captions of whole images, and embeddings of images and texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pipeline.core.settings import machine
from pipeline.questioner.decoding.beam import beam_search
from pipeline.questioner.decoding.generated import UNFINISHED, Generated
from pipeline.questioner.decoding.tasks import Decoder, DecoderInput
from pipeline.questioner.model.checkpoint import PRETRAINED, LoadedModel, load_model
from pipeline.questioner.model.contrast import ContrastiveHeads, EmbeddedTexts, text_states
from pipeline.questioner.model.prompts import CONTRAST_TASK, IMAGE_CAPTION_TASK
from pipeline.storage.boxes import FULL_IMAGE


class PretrainedModel:
    """A model of the stage `pretrain`. `weights_hash` is a digest of all weights."""

    def __init__(self, loaded: LoadedModel) -> None:
        self.weights_hash = loaded.weights_hash
        self.config, self.vision, self.prompts = loaded.config, loaded.vision, loaded.prompts
        self.decoder = Decoder(loaded.questioner, loaded.prompts)
        self.contrast = loaded.contrast

    @classmethod
    def load(cls, folder: Path) -> PretrainedModel:
        """Read a model folder, to the machine's device. Raises UserError if it does not hold a pre-trained model."""
        return cls(load_model(folder, PRETRAINED).to(machine().device))

    @torch.inference_mode()
    def encode(self, images: Sequence[Image.Image]) -> Tensor:
        """The images after the image encoder, for the methods below."""
        pixels = np.stack([self.vision.encoder.preprocessing.pixels(image) for image in images])
        return self.decoder.encode(self.vision, pixels)

    @torch.inference_mode()
    def captions(self, encoded: Tensor, beams: int = 1) -> list[Generated]:
        """A caption of each image: greedy with one beam, else by beam search.

        The confidence is the mean probability of the caption's words and of its end.
        """
        count = len(encoded)
        boxes = [FULL_IMAGE] * count
        cross = self.decoder.cross_keys_values(self.vision, encoded, range(count), boxes)
        prompts = [self.prompts.task_prompt(IMAGE_CAPTION_TASK)] * count
        tokenizer = self.prompts.tokenizer
        given = DecoderInput(cross, prompts, range(count), range(count), [[tokenizer.cls]] * count)
        if beams == 1:
            texts = self.decoder.answers(given, self.config.max_tokens)
        else:
            first = torch.full((count,), tokenizer.cls, device=self.decoder.device)
            never = self.decoder.allowed(tokenizer.sep)
            texts = beam_search(self.decoder.state(given), first, tokenizer.sep, never, beams, self.config.max_tokens)
        return [
            Generated(self.prompts.text(text.words), float(np.mean(text.probabilities)))
            if text.complete
            else UNFINISHED
            for text in texts
        ]

    @torch.inference_mode()
    def embed_images(self, encoded: Tensor) -> Tensor:
        """Images in the common space, [I,E]. Raises ValueError if the model was trained without contrast."""
        questioner, count = self.decoder.questioner, len(encoded)
        boxes = torch.tensor([FULL_IMAGE] * count, dtype=questioner.image_type.dtype, device=self.decoder.device)
        images = torch.arange(count, device=self.decoder.device)
        adapted, _ = self.vision.adapted_tokens(questioner, encoded, images, boxes)
        return self.heads().embed_images(adapted, questioner.grid.prefix)

    @torch.inference_mode()
    def embed_pieces(self, texts: Sequence[Sequence[int]]) -> EmbeddedTexts:
        """Texts (word pieces) in the common space. Raises ValueError if the model was trained without contrast."""
        ids, mask = self.prompts.tokenizer.pad_rows([self.prompts.closed(row) for row in texts])
        tokens, valid = self.decoder.on_device(ids), self.decoder.on_device(mask).bool()
        states = text_states(self.decoder.questioner, tokens, valid, self.prompts.task_prompt(CONTRAST_TASK))
        return self.heads().embed_texts(states, valid)

    def heads(self) -> ContrastiveHeads:
        """The contrastive heads."""
        if self.contrast is None:
            raise ValueError("this model has no contrastive heads")
        return self.contrast

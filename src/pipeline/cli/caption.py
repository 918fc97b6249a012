"""Captions of people's own pictures, by the pre-trained model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.errors import UserError
from pipeline.core.files import require_folder
from pipeline.core.stage import Paths
from pipeline.storage.images import IMAGE_SUFFIXES, MAX_PIXELS, decode_image

if TYPE_CHECKING:
    from PIL import Image

PICTURES_PER_BATCH = 32


def caption_pictures(root: Path, path: Path, beams: int) -> Iterator[tuple[Path, str]]:
    """Each picture of a folder (or the one picture that `path` is) with its caption, in the order of their names.

    The caption of a picture that cannot be read is the error in angle brackets. Raises UserError if there is no
    pre-trained model or no picture.
    """
    folder = require_folder(Paths.of(root, "caption").pretrained, "dvc repro pretrain")
    pictures = find_pictures(path)
    from pipeline.questioner.decoding.pretrained import PretrainedModel

    model = PretrainedModel.load(folder)
    for start in range(0, len(pictures), PICTURES_PER_BATCH):
        batch = pictures[start : start + PICTURES_PER_BATCH]
        read = [read_picture(picture) for picture in batch]
        images = [image for image in read if not isinstance(image, str)]
        captions = iter(model.captions(model.encode(images), beams) if images else [])
        for picture, image in zip(batch, read, strict=True):
            yield picture, image if isinstance(image, str) else next(captions).text


def find_pictures(path: Path) -> Sequence[Path]:
    """The files below a folder that are named like pictures, or the one file. Raises UserError if there is none."""
    if path.is_file():
        return [path]
    pictures = sorted(file for file in path.rglob("*") if file.suffix.lower() in IMAGE_SUFFIXES and file.is_file())
    if not pictures:
        raise UserError(
            "There is no picture to caption.",
            where=path,
            expected=f"a picture, or a folder of pictures ({', '.join(IMAGE_SUFFIXES)})",
            found="none of them" if path.is_dir() else "nothing",
            fix="check the path",
        )
    return pictures


def read_picture(path: Path) -> Image.Image | str:
    """A picture, or what is wrong with it."""
    try:
        return decode_image(path.read_bytes(), where=path, max_pixels=MAX_PIXELS)
    except UserError as error:
        return f"<{' '.join(str(error).split())}>"

"""The images of one shard, streamed from its tar in its order.

A step that works on one shard needs no manifest of all of them: the tar alone decides what it sees.
"""

from __future__ import annotations

import tarfile
from collections.abc import Collection, Iterator
from pathlib import Path

from PIL import Image

from pipeline.core.errors import UserError
from pipeline.storage.shards import decode_image

SUFFIX = ".jpg"


def stream_images(tar: Path, wanted: Collection[str] | None = None) -> Iterator[tuple[str, Image.Image]]:
    """Key and decoded RGB image, one after the other; only the keys in `wanted` if that is given.

    Raises UserError if the tar is missing, cut off, or holds something under an image's name that is none.
    """
    try:
        with tarfile.open(tar, "r:") as archive:
            for member in archive:
                key = member.name.removesuffix(SUFFIX)
                if key == member.name or (wanted is not None and key not in wanted):
                    continue
                stream = archive.extractfile(member)
                data = stream.read() if stream else b""
                yield key, decode_image(data, where=f"{tar}: {member.name}")
    except (tarfile.TarError, OSError) as error:
        raise UserError(
            "A shard cannot be read.",
            where=tar,
            found=str(error),
            fix="run the fetch stage that writes it again",
        ) from None

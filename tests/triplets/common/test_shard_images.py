"""Streaming the images of one shard."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.core.errors import UserError
from pipeline.triplets.common.shard_images import stream_images


def test_a_cut_shard_is_named(shard: Path) -> None:
    shard.write_bytes(shard.read_bytes()[:700])
    with pytest.raises(UserError, match="cannot be"):
        list(stream_images(shard))

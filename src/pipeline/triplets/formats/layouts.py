"""How each layout is written and read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.triplets.formats import jade, jade_import, llava, parquet, valor, webdataset
from pipeline.triplets.formats.images import Rows, Source, Target
from pipeline.triplets.formats.names import Layout


@dataclass(frozen=True)
class Format:
    """How a layout is written into an empty folder, and read."""

    export: Callable[[Source, Path], None]
    read: Callable[[Target], Iterator[Rows]]


FORMATS = {
    Layout.jade: Format(jade.export, jade_import.read),
    Layout.valor: Format(valor.export, valor.read),
    Layout.llava: Format(llava.export, llava.read),
    Layout.webdataset: Format(webdataset.export, webdataset.read),
    Layout.parquet: Format(parquet.export, parquet.read),
}

"""Annotations of two photographs, written by hand in the official format, and the source that reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.fetch.files import jpeg, write, write_zip

from pipeline.fetch.annotations.builder import Annotations
from pipeline.fetch.packing.dropped import Ledger
from pipeline.fetch.stages.annotations_params import FetchAnnotationsParams

SOURCE: dict[str, Any] = {
    "kind": "flickr30k_entities",
    "name": "ents",
    "images": "raw/images",
    "annotations": "raw/ents",
}


def item(names: str, *sides: object, **marks: int) -> str:
    """An `<object>`: its names, and its box or its marks."""
    inner = "".join(
        f"<{tag}>{side}</{tag}>" for tag, side in zip(("xmin", "ymin", "xmax", "ymax"), sides, strict=False)
    )
    box = f"<bndbox>{inner}</bndbox>" if sides else ""
    text = "".join(f"<name>{name}</name>" for name in names.split())
    return f"<object>\n\t{text}{box}{''.join(f'<{tag}>{value}</{tag}>' for tag, value in marks.items())}\n</object>"


def annotation(*items: str, width: object = 400, height: object = 200) -> str:
    """An XML file."""
    size = f"<size><width>{width}</width><height>{height}</height><depth>3</depth></size>"
    return f"<annotation>\n\t<filename>1.jpg</filename>{size}{''.join(items)}</annotation>"


PUPPIES = annotation(
    item("10", 0, 20, 100, 120),
    item("10 11", 200, 100, 400, 200),
    item("12", scene=1, nobndbox=0),
    item("13", scene=0, nobndbox=1),
)
PUPPY_CAPTIONS = """\
[/EN#10/animals Two puppies] play in [/EN#12/scene the grass] .
[/EN#11/animals/other A beagle] and [/EN#10/animals TWO puppies] , [/EN#0/notvisual which] are wet .

[/EN#13/people Nobody] watches [/EN#10/animals the puppies] .
It is warm .
"""
BALL = annotation(item("20", 10, 10, 30, 20), width=100, height=50)
BALL_CAPTIONS = "[/EN#20/other a ball]\n"

FILES = {
    "Annotations/77.xml": PUPPIES,
    "Sentences/77.txt": PUPPY_CAPTIONS,
    "Annotations/100.xml": BALL,
    "Sentences/100.txt": BALL_CAPTIONS,
}


def write_source(root: Path, **changed: str | bytes | None) -> None:
    """Write the files and images as folders; `changed` replaces files by kind and id (`xml_77`), None removes one."""
    files: dict[str, str | bytes] = dict(FILES)
    for name, content in changed.items():
        kind, _, image_id = name.partition("_")
        path = f"Annotations/{image_id}.xml" if kind == "xml" else f"Sentences/{image_id}.txt"
        files.pop(path, None)
        if content is not None:
            files[path] = content
    for path, content in files.items():
        write(root / "raw/ents" / path, content)
    write(root / "raw/images/77_18ab.jpg", jpeg(0))
    write(root / "raw/images/flickr30k-images/100.jpg", jpeg(1))


def write_zipped(root: Path, prefix: str = "") -> None:
    """Write the annotations as a zip."""
    write_zip(root / "raw/ents.zip", {prefix + path: content.encode() for path, content in FILES.items()})


def read(root: Path, **more: Any) -> Annotations:
    """All annotations of the source."""
    source = FetchAnnotationsParams.model_validate({"sources": [SOURCE | more]}).sources[0]
    return source.read(root, Ledger(source.name))

"""Lists, check sums and archives with something wrong in them: rows, dropped rows or a UserError, and nothing else."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.fetch.files import FLICKR8K, jpeg, samples, tar_bytes, write
from tests.fetch.time_limit import ends_in_time

from pipeline.core.errors import UserError
from pipeline.execution.step import Shard
from pipeline.fetch.captions.flickr8k import Flickr8kSource
from pipeline.fetch.captions.url_list import UrlListSource, read_list
from pipeline.fetch.captions.webdataset import PackShards, read_checksums
from pipeline.fetch.packing.dropped import Ledger
from pipeline.fetch.packing.image_format import ImageFormat
from pipeline.fetch.packing.pack import PairFilters
from pipeline.fetch.raw.archive import ImageArchive, ImageReader
from pipeline.fetch.raw.locations import expand_braces
from pipeline.fetch.raw.tar_index import scan_tar
from pipeline.storage.shards import ImageShards, stream_shard
from pipeline.tables.pairs import DROPPED, MANIFEST
from pipeline.tables.urls import URLS

FUZZ = settings(
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "60")),
    derandomize="FUZZ_EXAMPLES" not in os.environ,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)
PIECES = st.sampled_from(
    [b"\0", b"\t", b"\n", b"\r", b"#", b"/", b"..", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b" ", b"9" * 30]
)


@st.composite
def mutated(draw: st.DrawFn, sound: bytes) -> bytes:
    """Bytes of which some were changed, taken out, doubled or put in, or whose end was cut off."""
    data = bytearray(sound)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data)))
        length = draw(st.sampled_from([0, 0, 1, 8, 12, 100, 512]))
        new = draw(st.just(b"") | PIECES | st.binary(max_size=12) | st.just(bytes(data[at : at + 512])))
        data[at : at + length] = new
    return bytes(data[: draw(st.just(len(data)) | st.integers(0, len(data)))])


def with_header(members: list[tuple[tarfile.TarInfo, bytes]], form: int) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as tar:
        for info, data in members:
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def odd_tars() -> list[bytes]:
    """Tars with long, nested and foreign names, pax records, links, folders and devices."""
    names = ["a.jpg", "a.txt", "./b.jpg", "d/b.txt", "é" * 120 + ".jpg", "x/" * 90 + "c.jpg", "c.json", "..", "/e.jpg"]
    files = [(tarfile.TarInfo(name), jpeg(1) if name.endswith("jpg") else b'{"caption": "c"}') for name in names]
    files[0][0].pax_headers = {"comment": "x", "GNU.sparse.map": "0,1", "mtime": "1.5"}
    for kind, link in ((tarfile.LNKTYPE, "a.jpg"), (tarfile.SYMTYPE, "a.jpg"), (tarfile.DIRTYPE, ""), (b"3", "")):
        info = tarfile.TarInfo(f"link{kind.decode()}.jpg")
        info.type, info.linkname = kind, link
        files.append((info, b""))
    return [with_header(files, form) for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT)]


FIELDS = st.sampled_from(
    [
        *[(0, name.ljust(100, b"\0")) for name in (b"", b"a.jpg", b"/", b"../a.jpg", b"d/", b"\xff.jpg", b"b.png")],
        *[(124, size) for size in (b"7" * 11 + b"\0", b"-" + b"1" * 10 + b"\0", b"\xff" * 12, b"\x80" + b"\xff" * 11)],
        *[
            (124, size)
            for size in (b"00000000000\0", b"00000000001\0", b"00000001000\0", b"9" * 12, b" " * 12, bytes(12))
        ],
        *[(156, bytes([kind])) for kind in b"\x000123456789xgLKSVDMAX"],
        *[(157, link.ljust(100, b"\0")) for link in (b"", b"a.jpg", b"link1.jpg", b"000000001.jpg", b"/etc/passwd")],
        *[(257, magic) for magic in (b"ustar\x0000", b"ustar  \0", bytes(8))],
        *[(345, b"x" * 155), (386, b"0" * 96), (482, b"\1" + b"7" * 12)],
    ]
)


@st.composite
def with_odd_headers(draw: st.DrawFn, sound: bytes) -> bytes:
    """A tar with some fields of its headers changed, and check sums that fit."""
    data = bytearray(sound)
    with tarfile.open(fileobj=io.BytesIO(sound)) as tar:
        starts = [start for member in tar for start in range(member.offset, member.offset_data, 512)]
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.sampled_from(starts))
        at, new = draw(FIELDS)
        data[start + at : start + at + len(new)] = new
        data[start + 148 : start + 156] = b" " * 8
        data[start + 148 : start + 156] = b"%06o\0 " % sum(data[start : start + 512])
    return bytes(data)


SOUND_TARS = st.sampled_from([tar_bytes(samples(range(4), with_json=True)), *odd_tars()])
TARS = SOUND_TARS.flatmap(mutated) | SOUND_TARS.flatmap(with_odd_headers)


def zip_bytes() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(4):
            archive.writestr(f"d{number % 2}/{number}.jpg", jpeg(number))
    return stream.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lists")


def rows_or_message(read: Callable[[], object]) -> None:
    """Call a reader, which may refuse with a message that says something."""
    try:
        read()
    except UserError as error:
        assert error.problem
        str(error).encode()


TOKENS = b"".join(b"%d_abc.jpg#%d\ta dog %d .\n" % (image, number, number) for image in range(4) for number in range(2))
NAMES = b"".join(b"%d_abc.jpg\n" % image for image in range(4))


@FUZZ
@given(mutated(TOKENS), mutated(NAMES) | st.just(NAMES))
@ends_in_time
def test_flickr8k(folder: Path, tokens: bytes, names: bytes) -> None:
    source = Flickr8kSource.model_validate(FLICKR8K)
    write(folder / source.tokens, tokens)
    write(folder / source.image_list, names)
    ledger = Ledger("x")

    def read() -> None:
        for image in source.read(folder, ledger):
            (image.key + image.file_name + "".join(image.captions)).encode()
        DROPPED.build(ledger.rows)

    rows_or_message(read)


@FUZZ
@given(mutated(b"".join(b"a dog %d\thttp://host/%d.jpg\n" % (number, number) for number in range(6))))
@ends_in_time
def test_cc3m(folder: Path, data: bytes) -> None:
    content = {"kind": "url_list", "name": "cc3m", "location": "x.tsv", "layout": "cc3m"}
    write(folder / "x.tsv", data)
    rows_or_message(
        lambda: URLS.build([row._asdict() for row in read_list(UrlListSource.model_validate(content), folder)])
    )


@FUZZ
@given(mutated(b"".join(b"%064x  cc3m-%04d.tar\n" % (number, number) for number in range(4))))
@ends_in_time
def test_check_sums(folder: Path, data: bytes) -> None:
    rows_or_message(lambda: read_checksums(write(folder / "sums", data), "sums"))


@FUZZ
@given(st.text(st.sampled_from("{}..0129,/a*?[]"), max_size=40))
@ends_in_time
def test_ranges(text: str) -> None:
    rows_or_message(lambda: expand_braces(text))


@FUZZ
@given(TARS)
@ends_in_time
def test_shards(folder: Path, data: bytes) -> None:
    shutil.rmtree(folder / "out", ignore_errors=True)
    path = write(folder / "raw/0.tar", data)
    rows_or_message(lambda: scan_tar(path, "raw/0.tar"))
    rows_or_message(lambda: list(stream_shard(path)))
    step = PackShards(folder, folder / "downloads", ImageFormat(), PairFilters())
    packing = {"source": "s", "number": 0, "split": "train", "val_images": 1}
    shard = Shard("0", (path,), {"packing": packing, "location": "raw/0.tar", "sha256": None, "prefix": ""})

    def pack() -> None:
        step.run(shard, folder / "out")
        manifest = MANIFEST.read(folder / "out/rows/manifest-00000.parquet")
        DROPPED.read(folder / "out/rows/dropped-00000.parquet")
        if manifest.num_rows:
            MANIFEST.write(folder / "out/shards/manifest.parquet", manifest)
            shards = ImageShards(folder / "out/shards")
            assert all(shards.image(key).mode == "RGB" for key in manifest["key"].to_pylist())

    rows_or_message(pack)


@FUZZ
@given(TARS | mutated(zip_bytes()), st.booleans())
@ends_in_time
def test_archives_of_images(folder: Path, data: bytes, as_zip: bool) -> None:
    shutil.rmtree(folder / "im", ignore_errors=True)
    write(folder / ("im/x.zip" if as_zip else "im/x.tar"), data)

    def read() -> None:
        archive = ImageArchive(folder, "im")
        with ImageReader(folder) as reader:
            for name in ("0.jpg", "d1/1.jpg", "a.jpg", "000000001.jpg", "link1.jpg"):
                place = archive.find(name)
                if place is not None:
                    reader.read(place)

    rows_or_message(read)

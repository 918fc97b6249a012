"""One piece of a list of addresses, fetched and packed into a shard.

Within one process network and decoding run beside each other: the event loop asks for many pictures at a time, and a
thread decodes each picture that has come, and encodes it in the form in which it is stored. That waits in an unnamed
file until all rows have ended; then the pictures are packed in the list's order, whatever order they came in. So the
same answers give the same bytes.

What gave no picture goes to `failures.parquet` with its reason; rows that are not fetched at all (a bad line, a
repeated address, a caption that no filter lets pass) go to `dropped.parquet`.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import IO, Any, ClassVar

from pipeline.core.errors import UserError
from pipeline.execution.step import Shard, Step
from pipeline.fetch.captions.url_list import Piece, Row, UrlListSource, cut
from pipeline.fetch.packing.dropped import IMAGE_TOO_LONG, IMAGE_TOO_SMALL
from pipeline.fetch.packing.image_format import ImageFormat, StoredImage, stored_image
from pipeline.fetch.packing.keys import image_key
from pipeline.fetch.packing.pack import Packer, Packing, PairFilters, caption_fault, size_fault
from pipeline.fetch.packing.source import SourceImage
from pipeline.fetch.packing.units import Unit
from pipeline.fetch.raw.place import Place
from pipeline.fetch.web.client import Client, Fetched, Unfetched
from pipeline.fetch.web.params import WebParams
from pipeline.fetch.web.reasons import Failure, Reason
from pipeline.storage.images import TooManyPixels, decode_image
from pipeline.storage.shards import Seen
from pipeline.tables.urls import FAILURES, URLS

DECISIVE = {"max_megabytes", "honour_opt_out", "allow_private_addresses"}
"""Parameters that decide which pictures are taken; the others say how, and do not enter a fingerprint."""
LEAST_OUTAGE = 20
"""Fewer failed lookups are no outage."""
OF_FILTERS = {IMAGE_TOO_SMALL: Reason.TOO_SMALL, IMAGE_TOO_LONG: Reason.TOO_LONG}


@dataclass(frozen=True)
class CrawlUrls(Step):
    """Fetches the pictures of one piece. It mostly waits, so several workers share a core."""

    name: ClassVar[str] = "crawl_urls"
    workers_per_core: ClassVar[int] = 2

    image_format: ImageFormat
    filters: PairFilters
    web: WebParams

    def parameters(self) -> dict[str, Any]:
        """Image format, filters, and which pictures may be taken."""
        return {
            "image_format": self.image_format.model_dump(),
            "filters": self.filters.model_dump(),
            "web": self.web.model_dump(include=DECISIVE),
        }

    def units(self, source: UrlListSource, root: Path, folder: Path, max_bad_share: float) -> list[Unit]:
        """One unit per piece of the list; the pieces are written into `folder`. Raises UserError as `cut` does."""
        return [
            self.unit(piece, source.name, source.split, f"{source.location}, piece {piece.number}")
            for piece in cut(source, root, folder, max_bad_share)
        ]

    def unit(self, piece: Piece, source: str, split: str, where: str, runs: int = 1) -> Unit:
        """The unit that fetches a piece; `runs` counts this run and those that tried the same rows before."""
        return Unit(self, source, split, where, (piece.file,), {"runs": runs})

    def run(self, shard: Shard, folder: Path) -> None:
        """Fetch and pack the rows of the shard's piece."""
        packing = Packing(**shard.argument["packing"], image_format=self.image_format, filters=self.filters)
        rows = [Row(**row) for row in URLS.read(shard.files[0]).to_pylist()]
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as spool:
            crawl = Crawl(packing, self.web, spool)
            packer = Packer(packing, folder, crawl.read, crawl.prepare)
            begin = monotonic()
            asyncio.run(crawl.fetch([row for row in rows if not drop_unasked(row, packer, self.filters)]))
            print(f"{self.name} {shard.files[0].stem}: {crawl.summary(monotonic() - begin)}", flush=True)
            packer.pack(crawl.images())
        crawl.refuse_outage(shard.files[0].stem)
        crawl.write_failures(folder, shard.argument["runs"])


def drop_unasked(row: Row, packer: Packer, filters: PairFilters) -> bool:
    """Drop a row that is not worth a request; whether it was dropped."""
    reason = row.fault or caption_fault([row.caption], filters)
    if reason:
        packer.drop(key_of(packer.packing, row), row.url, reason)
    return bool(reason)


def key_of(packing: Packing, row: Row) -> str:
    """The key of a row's image: its number in the list, long enough for a billion, so that keys sort as rows do."""
    return image_key(packing.source, f"{row.number:09d}")


class Crawl:
    """The pictures of one piece: in `spool` those that came, with what is known of them; and the failures."""

    def __init__(self, packing: Packing, web: WebParams, spool: IO[bytes]) -> None:
        self.packing, self.web, self.spool = packing, web, spool
        self.rows: Sequence[Row] = ()
        self.places: dict[int, Place] = {}
        self.prepared: dict[str, StoredImage] = {}
        self.failed: dict[int, Unfetched] = {}
        self.received = 0

    async def fetch(self, rows: Sequence[Row]) -> None:
        """Fetch and prepare the pictures of all rows, `connections` of them at a time."""
        self.rows = rows
        waiting = iter(rows)
        client = Client(self.web)
        with ThreadPoolExecutor(1, "decode") as decoder:

            async def work() -> None:
                for row in waiting:
                    await self._fetch(row, client, decoder)

            try:
                async with asyncio.TaskGroup() as tasks:
                    for _ in range(min(self.web.connections, len(rows))):
                        tasks.create_task(work())
            finally:
                await client.close()

    async def _fetch(self, row: Row, client: Client, decoder: ThreadPoolExecutor) -> None:
        found = await client.fetch(row.url)
        if isinstance(found, Fetched):
            self.received += len(found.data)
            try:
                prepared = await asyncio.get_running_loop().run_in_executor(decoder, prepare, found.data, self.packing)
                self._keep(row, prepared)
            except Failure as failure:
                found = Unfetched(failure, found.attempts)
        if isinstance(found, Unfetched):
            self.failed[row.number] = found

    def _keep(self, row: Row, prepared: StoredImage) -> None:
        key = key_of(self.packing, row)
        self.places[row.number] = Place("", key, self.spool.seek(0, 2), len(prepared.data))
        self.spool.write(prepared.data)
        self.prepared[key] = replace(prepared, data=b"")

    def refuse_outage(self, piece: str) -> None:
        """Raise UserError if half of the names could not be looked up: then no failure says anything of its address.

        A shard that is finished is not fetched again, so one that fell into an outage must not be finished.
        """
        unresolved = sum(found.failure.reason == Reason.DNS for found in self.failed.values())
        if unresolved >= LEAST_OUTAGE and 2 * unresolved >= len(self.rows):
            raise UserError(
                "The network is down: host names cannot be looked up.",
                where=f"{self.packing.source}, piece {piece}",
                found=f"{unresolved} of {len(self.rows)} lookups failed temporarily",
                fix="check the connection; then the same command goes on where it stopped",
            )

    def summary(self, seconds: float) -> str:
        """What came, how fast, and the most frequent failures, in one line for people."""
        came, asked = len(self.places), len(self.rows)
        reasons = Counter(found.failure.reason.value for found in self.failed.values()).most_common(5)
        failed = "".join(f", {count} {reason}" for reason, count in reasons)
        received = f"{self.received / 1e6:.0f} MB received"
        return f"{came} of {asked} pictures, {asked / max(seconds, 1e-3):.0f} addresses/s, {received}{failed}"

    def images(self) -> list[SourceImage]:
        """The pictures that came, in the list's order."""
        came = [row for row in self.rows if row.number in self.places]
        return [SourceImage(key_of(self.packing, row), self.places[row.number], [row.caption], row.url) for row in came]

    def read(self, place: Place) -> bytes:
        """The bytes of a picture that came."""
        self.spool.seek(place.offset)
        return self.spool.read(place.size)

    def prepare(self, image: SourceImage, data: bytes) -> StoredImage:
        """A picture that came, as it is stored."""
        return replace(self.prepared[image.key], data=data)

    def write_failures(self, folder: Path, runs: int) -> None:
        """Write the table of the rows that gave no picture, in the list's order, after so many runs that tried."""
        failures = [(row, self.failed[row.number]) for row in self.rows if row.number in self.failed]
        FAILURES.write(
            folder / "rows" / f"failures-{self.packing.number:05d}.parquet",
            [
                {
                    "source": self.packing.source,
                    "key": key_of(self.packing, row),
                    "url": row.url,
                    "caption": row.caption,
                    "split": self.packing.split,
                    "reason": found.failure.reason.value,
                    "permanent": not found.failure.temporary,
                    "attempts": found.attempts,
                    "runs": runs,
                    "status": found.failure.status,
                }
                for row, found in failures
            ],
        )


def prepare(data: bytes, packing: Packing) -> StoredImage:
    """A picture in the form in which it is stored, decoded once. Raises Failure if it is none or is not wanted."""
    try:
        stored = stored_image(data, packing.image_format, "")
        if stored.seen is None:
            stored = replace(stored, seen=Seen.of(decode_image(stored.data, "")))
    except TooManyPixels:
        raise Failure(Reason.BOMB, 200) from None
    except UserError:
        raise Failure(Reason.NOT_AN_IMAGE, 200) from None
    if packing.filters and (reason := size_fault(stored, packing.filters)):
        raise Failure(OF_FILTERS[reason], 200)
    return stored

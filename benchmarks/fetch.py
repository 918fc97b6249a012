"""How fast pictures are fetched from a list of addresses, beside img2dataset.

    python -m venv peer && peer/bin/pip install img2dataset==1.47
    python benchmarks/fetch.py --peer peer/bin/python
    python benchmarks/fetch.py --lists 10000 100000 3300000

Both read the same list, from the same server on this machine, and write shards of JPEG pictures whose longer side is
256 pixels, at the same quality, on all cores. The pictures are of photographs' size and detail. Rounds alternate;
figures are medians. Peak memory is that of all processes together, sampled; a picture's bytes out are those of the
shards. The limit is what the cores decode, shrink and encode without any network, in as many processes.

With `--lists` peak memory is measured for lists of so many addresses, all of which are private ones and refused at
once, beside one packed picture: what is left is the list itself, and the ledger of failures.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import numpy as np
import psutil
from PIL import Image

from pipeline.fetch.packing.image_format import ImageFormat, stored_image
from pipeline.storage.shards import ShardWriter

DISTINCT = 200
SIDE, QUALITY, PER_SHARD = 256, 90, 2_500
PEER = """
from img2dataset import download
import sys
url_list, out, cores, per_shard = sys.argv[1:]
if __name__ == "__main__":
    download(
        url_list=url_list, input_format="tsv", url_col="url", caption_col="caption", output_folder=out,
        output_format="webdataset", processes_count=int(cores), thread_count=64, image_size=256,
        resize_mode="keep_ratio_largest", encode_quality=90, number_sample_per_shard=int(per_shard),
        disallowed_header_directives=[], enable_wandb=False,
    )
"""
OURS = """
import sys
from pathlib import Path
from pipeline.fetch.stages.pairs import fetch_pairs
from pipeline.fetch.stages.pairs_params import FetchPairsParams
root = Path(sys.argv[1])
params = FetchPairsParams.model_validate_json((root / "params.json").read_text(encoding="utf-8"))
if __name__ == "__main__":
    fetch_pairs(params, root, root / "pairs", root / "scratch")
"""


def pictures(count: int) -> list[bytes]:
    """JPEGs of 1,024 x 768 pixels with as much detail as a photograph has."""
    random = np.random.default_rng(0)
    found = []
    for _ in range(count):
        layers = [Image.fromarray(random.integers(0, 256, (3 * n, 4 * n, 3), np.uint8)) for n in (2, 8, 32, 128)]
        large = [np.asarray(layer.resize((1024, 768), Image.Resampling.BICUBIC), np.float32) for layer in layers]
        mixed = sum(part * weight for part, weight in zip(large, (0.45, 0.3, 0.17, 0.08), strict=True))
        stream = io.BytesIO()
        Image.fromarray(np.asarray(mixed, np.uint8)).save(stream, "JPEG", quality=90)
        found.append(stream.getvalue())
    return found


def serve(port: multiprocessing.Queue) -> None:  # type: ignore[type-arg]
    """Answer every request with one of the pictures."""
    answers = [
        b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(data) + data
        for data in pictures(DISTINCT)
    ]

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                line = (await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)[1]
                writer.write(answers[int(line[1:].partition(b".")[0]) % DISTINCT])
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def main() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=4096)
        port.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


def measured(run: Callable[[], None]) -> tuple[float, float]:
    """Seconds, and peak memory of all processes that it started in MB."""
    peak, ended = 0.0, threading.Event()
    own = {process.pid for process in psutil.Process().children(recursive=True)}

    def sample() -> None:
        nonlocal peak
        while not ended.wait(0.5):
            total = 0
            for process in psutil.Process().children(recursive=True):
                if process.pid not in own:
                    try:
                        total += process.memory_full_info().pss
                    except (psutil.Error, OSError):
                        continue
            peak = max(peak, total / 1e6)

    thread = threading.Thread(target=sample)
    thread.start()
    begin = time.perf_counter()
    try:
        run()
        return time.perf_counter() - begin, peak
    finally:
        ended.set()
        thread.join()


def limit(count: int) -> float:
    """Pictures per second that all cores decode, shrink and encode, without network."""
    data = pictures(DISTINCT)
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
        pool.map(prepare, data[:8])
        begin = time.perf_counter()
        for _ in range(max(1, count // DISTINCT)):
            pool.map(prepare, data, chunksize=10)
        return max(1, count // DISTINCT) * DISTINCT / (time.perf_counter() - begin)


def prepare(data: bytes) -> int:
    """Bytes of a picture as it is stored."""
    return len(stored_image(data, ImageFormat(max_side=SIDE, jpeg_quality=QUALITY), "").data)


def program(text: str, python: str, *arguments: str) -> Callable[[], None]:
    """A run of a program in a process of its own."""

    def run() -> None:
        folder = Path(tempfile.mkdtemp())
        (folder / "program.py").write_text(text, encoding="utf-8")
        source = str(Path(__file__).resolve().parents[1] / "src")
        subprocess.run(
            [python, str(folder / "program.py"), *arguments],
            check=True,
            env={
                **os.environ,
                "PYTHONPATH": source if python == sys.executable else "",
                "NO_ALBUMENTATIONS_UPDATE": "1",
            },
            stdout=subprocess.DEVNULL,
        )

    return run


def parameters(root: Path, web: dict[str, Any], *sources: dict[str, str]) -> None:
    """Write the parameters of a crawl of `root/list.tsv`, beside other sources."""
    crawled = {"kind": "url_list", "name": "x", "location": "list.tsv", "layout": "cc3m", "urls_per_shard": PER_SHARD}
    stored = {"max_side": SIDE, "jpeg_quality": QUALITY}
    text = json.dumps({"sources": [crawled, *sources], "image_format": stored, "web": web})
    (root / "params.json").write_text(text, encoding="utf-8")


def show_lists(lengths: list[int]) -> None:
    """Measure and print peak memory and seconds of crawls in which every address is refused."""
    for length in lengths:
        with tempfile.TemporaryDirectory() as name:
            root = Path(name)
            with (root / "list.tsv").open("w", encoding="utf-8") as stream:
                stream.writelines(f"a picture of number {n}\thttp://10.0.0.1/{n}.jpg\n" for n in range(length))
            with ShardWriter(root / "packed.tar", "train") as writer:
                writer.add("a", pictures(1)[0], ["a picture"])
            parameters(root, {}, {"kind": "webdataset", "name": "packed", "location": "packed.tar"})
            seconds, peak = measured(program(OURS, sys.executable, str(root)))
            print(f"{length:9} addresses: peak {peak:.0f} MB, {seconds:.0f} s", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", help="Python of an environment with img2dataset.")
    parser.add_argument("--pictures", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--lists", type=int, nargs="*", help="numbers of addresses that are refused")
    options = parser.parse_args()
    if options.lists:
        show_lists(options.lists)
        return
    context = multiprocessing.get_context("spawn")
    ports = context.Queue()
    server = context.Process(target=serve, args=(ports,), daemon=True)
    server.start()
    port = ports.get()
    rows: dict[str, list[tuple[float, float, float]]] = {"ours": [], "img2dataset": []}
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory() as name:
            root = Path(name)
            urls = [f"http://127.0.0.1:{port}/{number}.jpg" for number in range(options.pictures)]
            lines = [f"a picture of number {number}\t{url}\n" for number, url in enumerate(urls)]
            (root / "list.tsv").write_text("".join(lines), encoding="utf-8")
            (root / "named.tsv").write_text("caption\turl\n" + "".join(lines), encoding="utf-8")
            parameters(root, {"allow_private_addresses": True, "connections_per_host": 64})
            runs = {"ours": program(OURS, sys.executable, str(root))}
            if options.peer:
                peer = [str(root / "named.tsv"), str(root / "peer"), str(os.cpu_count()), str(PER_SHARD)]
                runs["img2dataset"] = program(PEER, options.peer, *peer)
            for which, run in runs.items():
                seconds, peak = measured(run)
                folder = root / ("pairs" if which == "ours" else "peer")
                size = sum(file.stat().st_size for file in folder.rglob("*.tar")) / options.pictures / 1e3
                rows[which].append((options.pictures / seconds, peak, size))
    server.kill()
    print(f"limit without network: {limit(2_000):.0f} pictures per second, {os.cpu_count()} cores")
    for which, found in rows.items():
        if found:
            rate, peak, size = (statistics.median(column) for column in zip(*found, strict=True))
            print(f"{which}: {rate:.0f} pictures per second, peak {peak:.0f} MB, {size:.1f} kB a picture in the shards")


if __name__ == "__main__":
    main()

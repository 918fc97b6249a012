"""A server on loopback that sends what no server should, for tests and for `benchmarks/hostile_server.py`."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

Script = Callable[[dict[str, str]], Iterator[bytes]]
"""What a connection is sent, given the headers of its request."""


class Hostile:
    """A server on loopback that writes what it is told, byte by byte, and closes; one script per connection."""

    def __init__(self, *scripts: Callable[[dict[str, str]], Iterator[bytes]]) -> None:
        self.scripts, self.asked = list(scripts), 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/x.tar"
        threading.Thread(target=self.run, daemon=True).start()

    def run(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                lines = connection.recv(65_536).decode("latin-1").split("\r\n")
                headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
                script = self.scripts[min(self.asked, len(self.scripts) - 1)]
                self.asked += 1
                for data in script(headers):
                    connection.sendall(data)


def answer(status: str, body: bytes, **headers: object) -> Callable[[dict[str, str]], Iterator[bytes]]:
    lines = [f"HTTP/1.1 {status}", "Connection: close", *(f"{k.replace('_', '-')}: {v}" for k, v in headers.items())]

    def script(_: dict[str, str]) -> Iterator[bytes]:
        yield "\r\n".join([*lines, "", ""]).encode()
        yield body

    return script

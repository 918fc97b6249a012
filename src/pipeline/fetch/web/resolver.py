"""Host names to IP addresses: each name once, kept for a while, and no more names than a limit.

The system's resolver blocks, so it runs in a few threads of its own. A name that does not exist is kept as well; a
temporary failure is kept for seconds only, so that an outage does not make thousands of queries, and ends by itself.
"""

from __future__ import annotations

import asyncio
import socket
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from time import monotonic

from pipeline.fetch.web.reasons import Failure, Reason

THREADS = 16
SECONDS = 600.0
"""How long the addresses of a name, or its absence, are kept."""
SECONDS_AFTER_FAILURE = 5.0
MOST_NAMES = 20_000
ABSENT = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}

Answer = Sequence[str] | Failure


def system_lookup(host: str) -> Answer:
    """The addresses of a host by the system's resolver, IPv4 and IPv6 in its order."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        return Failure(Reason.NO_SUCH_HOST if error.errno in ABSENT else Reason.DNS)
    except (OSError, ValueError):
        return Failure(Reason.NO_SUCH_HOST)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass
class Resolver:
    """Answers, of `lookup` at first, from memory then. For one event loop."""

    lookup: Callable[[str], Answer] = system_lookup
    answers: OrderedDict[str, tuple[float, asyncio.Future[Answer]]] = field(default_factory=OrderedDict)
    threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(THREADS, "dns"))

    async def addresses(self, host: str) -> Sequence[str]:
        """The IP addresses of a host, at least one. Raises Failure if there are none."""
        kept = self.answers.get(host)
        if kept is None or kept[0] < monotonic():
            question = asyncio.get_running_loop().run_in_executor(self.threads, self.lookup, host)
            # Whoever asks for the same name meanwhile waits for the same answer.
            kept = self._keep(host, SECONDS, question)
            # A callback, since whoever asked may have given up by then.
            question.add_done_callback(lambda answered: self._forget_soon(host, answered))
        answer = await asyncio.shield(kept[1])
        if isinstance(answer, Failure):
            raise Failure(answer.reason)
        if not answer:
            raise Failure(Reason.NO_SUCH_HOST)
        return answer

    def _forget_soon(self, host: str, answered: asyncio.Future[Answer]) -> None:
        """Keep an answer for seconds only if it is a temporary failure."""
        answer = None if answered.cancelled() else answered.result()
        if isinstance(answer, Failure) and answer.temporary:
            self._keep(host, SECONDS_AFTER_FAILURE, answered)

    def _keep(self, host: str, seconds: float, answer: asyncio.Future[Answer]) -> tuple[float, asyncio.Future[Answer]]:
        kept = self.answers[host] = (monotonic() + seconds, answer)
        self.answers.move_to_end(host)
        while len(self.answers) > MOST_NAMES:
            self.answers.popitem(last=False)
        return kept

    def close(self) -> None:
        """Forget questions that nobody has answered yet."""
        self.threads.shutdown(wait=False, cancel_futures=True)

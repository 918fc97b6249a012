"""Computing ahead: the same results in the same order, errors in their place, no thread left behind."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.training.objectives import Toy, settings

from pipeline.core.errors import UserError
from pipeline.core.samples import sample_of
from pipeline.execution import decoded
from pipeline.execution.ahead import ahead
from pipeline.execution.decoded import decoded_batches
from pipeline.training.loop import train


def threads_left() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("ahead")]


@given(st.lists(st.integers(0, 3), max_size=12), st.integers(0, 4))
def test_results_come_in_order_and_never_further_ahead(waits: list[int], depth: int) -> None:
    taken: list[int] = []

    def items() -> Iterator[tuple[int, int]]:
        for number, wait in enumerate(waits):
            assert threading.current_thread() is threading.main_thread()
            taken.append(number)
            yield number, wait

    def slow(item: tuple[int, int]) -> int:
        time.sleep(item[1] / 2000)
        return item[0] ** 2

    found = []
    for result in ahead(slow, items(), depth):
        found.append(result)
        assert len(taken) <= len(found) + depth
    assert found == [number**2 for number in range(len(waits))] and not threads_left()


def test_work_is_really_done_side_by_side() -> None:
    together = threading.Barrier(3)
    assert list(ahead(lambda item: together.wait(10) >= 0 and item, range(1, 7), 3)) == list(range(1, 7))


@pytest.mark.parametrize("depth", [0, 3])
def test_an_error_arrives_in_its_place_and_ends_the_threads(depth: int) -> None:
    def function(item: int) -> int:
        if item == 4:
            raise UserError("The fifth picture is damaged.", where="shard")
        return item

    results = ahead(function, range(100), depth)
    assert list(islice(results, 4)) == [0, 1, 2, 3]
    with pytest.raises(UserError, match="fifth picture"):
        next(results)
    assert not threads_left()


def test_closing_drops_what_is_left() -> None:
    done: list[int] = []
    with closing(ahead(lambda item: done.append(item), range(10_000), 2)) as results:
        next(results)
    assert len(done) <= 4 and not threads_left()


def trained(scratch: Path, prefetch: int, **changes: Any) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    objective = Toy(dropout=0.3)
    objective.prefetch = prefetch
    params = settings(micro_batch_size=4, **changes)
    history = train(objective, params, name="toy", fingerprint="f", scratch=scratch, device="cpu")
    return objective.state_dict(), history.state()


def test_a_training_gives_the_same_bytes_and_leaves_no_thread(tmp_path: Path) -> None:
    (plain, curve), (fetched, fetched_curve) = (trained(tmp_path / str(depth), depth) for depth in (0, 5))
    assert all(torch.equal(plain[name], fetched[name]) for name in plain) and curve == fetched_curve
    trained(tmp_path / "early", 5, steps=1000, eval_every=1, patience=1)
    assert not threads_left()


def test_a_training_that_fails_while_collating_says_why(tmp_path: Path) -> None:
    objective = Toy()
    objective.prefetch = 3
    collate = objective.collate

    def damaged(items: Any, step: int) -> dict[str, torch.Tensor]:
        if step == 2:
            raise UserError("An image cannot be decoded.", where="shard: key")
        return collate(items, step)

    objective.collate = damaged  # type: ignore[method-assign]
    with pytest.raises(UserError, match="cannot be decoded"):
        train(objective, settings(), name="toy", fingerprint="f", scratch=tmp_path, device="cpu")
    assert not threads_left()


@pytest.mark.parametrize("threads", [0, 3])
def test_pictures_come_in_batches_and_an_error_names_their_place(monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    monkeypatch.setattr(decoded, "decoding_threads", lambda device: threads)
    pictures = [(f"key{number}", bytes([number])) for number in range(7)]
    found = list(decoded_batches(Path("a.tar"), pictures, 3, lambda data, where: (data[0], where), "cuda"))
    assert [keys for keys, _ in found] == [["key0", "key1", "key2"], ["key3", "key4", "key5"], ["key6"]]
    assert [picture for _, batch in found for picture in batch] == [(n, f"a.tar: key{n}") for n in range(7)]

    def broken(data: bytes, where: str) -> int:
        return 1 // (data[0] - 4)

    batches = decoded_batches(Path("a.tar"), pictures, 3, broken, "cuda")
    with closing(batches), pytest.raises(ZeroDivisionError) as caught:
        list(batches)
    assert sample_of(caught.value) == "a.tar: key3 … key5" and not threads_left()

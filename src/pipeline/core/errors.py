"""The one exception for what a user can mend, and the name of the sample that any exception is about.

A message answers four questions, each on its own line: what is wrong, where, what was expected and found,
and the way out. Commands print it without a traceback and exit with code 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class UserError(Exception):
    """A mistake in parameters, data or surroundings that the user can mend.

    Pickles (worker processes raise it too) because all fields are the constructor's arguments.
    """

    def __init__(
        self, problem: str, where: object = "", expected: object = "", found: object = "", fix: str = ""
    ) -> None:
        super().__init__(problem, str(where), str(expected), str(found), fix)
        self.problem = problem
        self.where = str(where)
        self.expected = str(expected)
        self.found = str(found)
        self.fix = fix

    def __str__(self) -> str:
        lines = [self.problem]
        for label, text in (
            ("where", self.where),
            ("at", sample_of(self) if sample_of(self) not in self.where else ""),
            ("expected", self.expected),
            ("found", self.found),
            ("way out", self.fix),
        ):
            if text:
                lines.append(f"  {label + ':':<10}{text}")
        return "\n".join(lines)


@contextmanager
def at_sample(place: object, *keys: str) -> Iterator[None]:
    """Errors raised inside the block name a place, or there a sample (one key) or a batch of samples (several keys).

    The name is a note on the error (`sample_of`). A block around it whose place is named already adds nothing.
    """
    try:
        yield
    except Exception as error:
        if str(place) not in sample_of(error):
            first_and_last = (*keys[:1], *keys[1:][-1:])
            error.add_note(": ".join([str(place), *filter(None, [" … ".join(first_and_last)])]))
        raise


def sample_of(error: BaseException) -> str:
    """The sample that an error is about; empty if none is known."""
    return "; ".join(getattr(error, "__notes__", ()))

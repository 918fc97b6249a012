"""The one exception for what a user can mend.

A message answers four questions, each on its own line: what is wrong, where, what was expected and found,
and the way out. Commands print it without a traceback and exit with code 1.
"""

from __future__ import annotations

from pipeline.core.samples import sample_of
from pipeline.core.visible import visible


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
        return visible("\n".join(lines))

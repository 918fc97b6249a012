"""Write the descriptions of all parameters into params.yaml and the presets: `python scripts/annotate_presets.py`.

Comments of three kinds are generated, and written anew at every run:

    ## …             above a section: what its stage does, and which part of which paper it is
    key: value  # …  behind a key: its description, which may go on in the lines below
      # …            above a key, indented like it: the same, where the value leaves no room for it

Comments with one # at the left margin are written by hand and stay as they are. Values and their notation stay too:
the file is only parsed to learn where its keys stand and where their values end. Keys within {…} or […] are not
described. Of several items of one list, the first that has a key describes it.

With `--check` nothing is written, and the exit code says whether the comments are right.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

from pipeline.cli.params import Section, load_section, section_names
from pipeline.core.files import write_text
from pipeline.core.parameters.describe import Row, describe
from pipeline.core.parameters.listing import wrapped

WIDTH = 120
LONGEST_BESIDE = 36
"""A longer line has its comment above it, so that the comments of the others need not stand far to the right."""


def annotated(text: str, sections: Sequence[Section]) -> str:
    """A parameter file with the comments of these sections. Raises ValueError if that would change a value."""
    contents, tree = without_comments(text), YAML(typ="safe", pure=True).compose(text)
    described = dict(described_lines(tree, sections))
    columns = comment_columns(contents, described)
    headings = {key.start_mark.line: heading(section) for key, section in section_keys(tree, sections)}
    lines: list[str] = []
    for number, content in contents.items():
        first = len(lines)
        while first and lines[first - 1].startswith("#"):
            first -= 1
        lines[first:first] = headings.get(number, [])
        lines += commented(content, described[number], columns) if number in described else [content]
    result = "\n".join(lines) + "\n"
    if not same_values(text, result):
        raise ValueError("a comment would cut off a value that goes on in the next line: write it on one line")
    return result


def same_values(text: str, other: str) -> bool:
    """Whether two YAML texts hold the same values; an invalid `other` does not."""
    yaml = YAML(typ="safe", pure=True)
    try:
        return yaml.load(other) == yaml.load(text)
    except YAMLError:
        return False


def without_comments(text: str) -> dict[int, str]:
    """Lines by number, without the comments that are generated; lines of nothing else are left out."""
    lines = text.splitlines()
    ends = dict.fromkeys(range(len(lines)), 0)
    for token in YAML(typ="safe", pure=True).scan(text):
        start, end = token.start_mark, token.end_mark
        ends |= {number: len(lines[number]) for number in range(start.line, end.line) if end.line > start.line}
        ends[end.line] = max(ends.get(end.line, 0), end.column)
    kept = {}
    for number, line in enumerate(lines):
        by_hand = line.startswith("#") and not line.startswith("##")
        if ends[number] or by_hand or not line.strip():
            kept[number] = line if by_hand else line[: ends[number]].rstrip()
    return kept


def section_keys(tree: MappingNode, sections: Sequence[Section]) -> Iterator[tuple[Node, Section]]:
    """The nodes of top-level keys, each with its section."""
    by_name = {section.name: section for section in sections}
    return ((key, by_name[key.value]) for key, _ in tree.value if key.value in by_name)


def described_lines(tree: MappingNode, sections: Sequence[Section]) -> Iterator[tuple[int, Row]]:
    """The lines on which keys stand that have a description, with its row."""
    written: set[Row] = set()
    rows: dict[str, list[Row]] = {}
    for section in sections:
        for row in describe(section.model, section.name):
            rows.setdefault(row.key, []).append(row)
    for line, key, kinds in block_keys(tree, "", frozenset()):
        row = next((row for row in rows.get(key, ()) if kinds.issuperset(row.kinds)), None)
        if row and not ("[]" in key and row in written):
            written.add(row)
            yield line, row


def block_keys(node: Node, place: str, kinds: frozenset[tuple[str, str]]) -> Iterator[tuple[int, str, frozenset]]:
    """Line, dotted key, and key-value pairs beside and around it, of every key in block style."""
    if isinstance(node, SequenceNode):
        for item in node.value:
            yield from block_keys(item, f"{place}[]", kinds)
    elif isinstance(node, MappingNode) and not node.flow_style:
        pairs = [(f"{place}.{key.value}" if place else key.value, key, value) for key, value in node.value]
        kinds |= {(name, value.value) for name, _, value in pairs if isinstance(value.value, str)}
        for name, key, value in pairs:
            yield key.start_mark.line, name, kinds
            yield from block_keys(value, name, kinds)


def comment_columns(contents: Mapping[int, str], described: Mapping[int, Row]) -> dict[str, int]:
    """For every section the column in which its comments begin."""
    columns: dict[str, int] = {}
    for number, row in described.items():
        if len(contents[number]) <= LONGEST_BESIDE:
            columns[section_of(row)] = max(columns.get(section_of(row), 0), len(contents[number]) + 2)
    return columns


def section_of(row: Row) -> str:
    """The name of a row's section."""
    return row.key.partition(".")[0]


def commented(content: str, row: Row, columns: Mapping[str, int]) -> list[str]:
    """A line with its description behind it, or above it."""
    above = len(content) > LONGEST_BESIDE
    column = len(content) - len(content.lstrip()) if above else columns[section_of(row)]
    start = f"{' ' * column}# "
    first, *more = wrapped(row.description, WIDTH, start, start)
    return [first, *more, content] if above else [content + first[len(content) :], *more]


def heading(section: Section) -> list[str]:
    """The lines above a section."""
    return [line for text in (section.purpose, section.paper) for line in wrapped(text, WIDTH, "## ", "## ")]


def main() -> None:
    """Write or check the comments of params.yaml and of all presets."""
    sections = [load_section(ROOT, name) for name in section_names(ROOT)]
    wrong = []
    for path in (ROOT / "params.yaml", *sorted((ROOT / "presets").glob("*.yaml"))):
        text = annotated(path.read_text(encoding="utf-8"), sections)
        if text != path.read_text(encoding="utf-8"):
            wrong.append(path.relative_to(ROOT).as_posix())
            if "--check" not in sys.argv:
                write_text(path, text)
    if wrong and "--check" in sys.argv:
        sys.exit(
            f"comments differ from the descriptions in {', '.join(wrong)}: run `python scripts/annotate_presets.py`"
        )
    print(f"renewed: {', '.join(wrong)}" if wrong else "All comments are those of the descriptions.")


if __name__ == "__main__":
    main()

"""Write docs/tables.md, the data dictionary, from the schemas: `python scripts/tables_page.py`.

With `--check` nothing is written, and the exit code says whether the page is up to date.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "tables.md"
sys.path.insert(0, str(ROOT / "src"))

from pipeline.core.files import write_text
from pipeline.tables.table import Table
from pipeline.tables.teacher import teacher_table

MODULES = ("pairs", "annotations", "teacher", "triplets", "held_out", "examples", "described_boxes", "scores")
HEAD = """# Tables

Every table that crosses a stage, from `src/pipeline/tables/` (`python scripts/tables_page.py` writes this page).
Boxes are `x1, y1, x2, y2` as fractions of the image. Files are Parquet, compressed with ZSTD, without time stamps.
Columns of the primary key are **bold**.
"""


def tables() -> Iterator[Table]:
    """Every table, in the order of the chain."""
    for name in MODULES:
        module = importlib.import_module(f"pipeline.tables.{name}")
        yield from (value for value in vars(module).values() if isinstance(value, Table))
        if name == "teacher":
            yield teacher_table(dim=1)


def type_name(table: Table, name: str) -> str:
    """The type of a column, as a reader needs it."""
    text = str(table.schema.field(name).type).replace("[1]", "[D]").replace("item: ", "").replace("element: ", "")
    return "list of candidates" if "struct" in text else text


def section(table: Table) -> str:
    """One table in Markdown."""
    lines = [
        f"## {table.name}",
        "",
        f"`{table.path}`. {table.description}",
        "",
        "| column | type | what |",
        "|---|---|---|",
    ]
    for column in table.columns:
        name = f"**{column.name}**" if column.name in table.key else column.name
        lines.append(f"| {name} | {type_name(table, column.name)} | {column.description} |")
    return "\n".join(lines)


def page() -> str:
    """The whole page."""
    return "\n\n".join([HEAD.rstrip(), *map(section, tables())]) + "\n"


def main() -> None:
    """Write or check docs/tables.md."""
    text = page()
    if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == text:
        print("docs/tables.md is up to date.")
    elif "--check" in sys.argv:
        sys.exit("docs/tables.md is not up to date: run `python scripts/tables_page.py`")
    else:
        write_text(PAGE, text)
        print("docs/tables.md written.")


if __name__ == "__main__":
    main()

from __future__ import annotations

from scripts.tables_page import PAGE, page, tables


def test_the_page_of_tables_is_made_from_the_schemas() -> None:
    assert PAGE.read_text() == page(), "run `python scripts/tables_page.py`"


def test_every_table_and_column_is_described() -> None:
    for table in tables():
        assert table.path and table.description.endswith("."), table.name
        assert all(column.description.endswith(".") for column in table.columns), table.name
        assert set(table.key) <= {column.name for column in table.columns}

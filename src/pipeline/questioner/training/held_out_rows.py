"""Rows of the held-out tables: annotations beside what a model said of them."""

from collections.abc import Mapping, Sequence

import pyarrow as pa


def with_answers(questions: pa.Table, urls: Mapping[str, str], answers: Sequence[str]) -> pa.Table:
    """Rows of QUESTIONS with a model's answers, as HELD_OUT_ANSWERS; `urls` by key."""
    renamed = {"answers": "references"}
    table = questions.rename_columns([renamed.get(name, name) for name in questions.column_names])
    return with_columns(table, urls, answer=answers)


def with_captions(regions: pa.Table, urls: Mapping[str, str], captions: Sequence[str]) -> pa.Table:
    """Rows of REGIONS with a model's captions, as HELD_OUT_CAPTIONS; `urls` by key."""
    return with_columns(regions, urls, caption=captions)


def with_columns(table: pa.Table, urls: Mapping[str, str], **texts: Sequence[str]) -> pa.Table:
    """A table with more columns of text, and each row's url."""
    columns = {"url": [urls[key] for key in table["key"].to_pylist()], **texts}
    for name, values in columns.items():
        table = table.append_column(name, pa.array(values, pa.string()))
    return table

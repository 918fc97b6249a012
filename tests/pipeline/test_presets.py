"""The comments of params.yaml and the presets against the descriptions of the parameters."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import Field
from ruamel.yaml import YAML
from scripts.annotate_presets import WIDTH, annotated

from pipeline.cli.params import Section, load_section, section_names
from pipeline.core.settings import Params
from pipeline.questioner.finetuning.params import SHARED_ENCODER

ROOT = Path(__file__).resolve().parents[2]
FILES = ["params.yaml", *(f"presets/{path.name}" for path in sorted((ROOT / "presets").glob("*.yaml")))]


@pytest.fixture(scope="module")
def sections() -> list[Section]:
    return [load_section(ROOT, name) for name in section_names(ROOT)]


@pytest.mark.parametrize("file", FILES)
def test_comments_are_the_descriptions(sections: list[Section], file: str) -> None:
    text = (ROOT / file).read_text()
    assert annotated(text, sections) == text, "run `python scripts/annotate_presets.py`"
    assert max(map(len, text.splitlines())) <= WIDTH


@pytest.mark.parametrize("file", FILES)
def test_sections_stand_in_the_order_of_the_chain(sections: list[Section], file: str) -> None:
    assert list(YAML(typ="safe").load(ROOT / file)) == [section.name for section in sections]


@pytest.mark.parametrize("file", FILES)
def test_scores_name_what_the_other_stages_make(file: str) -> None:
    content = YAML(typ="safe").load(ROOT / file)
    benchmarks = {f"benchmarks/{benchmark['name']}" for benchmark in content["fetch_benchmarks"]["benchmarks"]}
    tasks = {task["name"]: task["task"] for task in content["finetune"]["tasks"]}
    annotations = {f"annotations/{source['name']}" for source in content["fetch_annotations"]["sources"]}
    scores = content["evaluate_finetuned"]["scores"]
    assert {score["model"] for score in scores} - {SHARED_ENCODER} == set(tasks)
    tasks[SHARED_ENCODER] = "retrieval"
    for score in scores:
        assert score["source"] in benchmarks | annotations | {"annotations", "pairs"}
        assert tasks[score["model"]] == score["task"]
        assert tasks[score.get("rerank", score)["model"]] in (score["task"], "captions")


class Item(Params):
    """An item."""

    name: str = Field(description="Name.")
    size: int = Field(default=1, description="Size.")


class Demo(Params):
    """A demonstration."""

    text: str = Field(description="Text.")
    items: list[Item] = Field(description="Items.")


DEMO = Section("demo", Demo, "Show it.\n\nReads   nothing\nPaper   A paper, section 2\n")

BEFORE = """\
# A header that somebody wrote.

## an old heading
# A remark that somebody wrote.
demo: # an old comment
  text: "a # b"   # an old comment
                  # that goes on
  # another old one
  items:
    - {name: in flow style, size: 2}
    - name: a name that is too long for a comment beside it
      size: 3
# A remark inside.
    - name: |
        # no comment
      size: 4

other: {x: 1}
"""

AFTER = """\
# A header that somebody wrote.

## Show it.
## A paper, section 2
# A remark that somebody wrote.
demo:
  text: "a # b"  # Text.
  items:         # Items.
    - {name: in flow style, size: 2}
    # Name.
    - name: a name that is too long for a comment beside it
      size: 3    # Size.
# A remark inside.
    - name: |
        # no comment
      size: 4

other: {x: 1}
"""


def test_old_comments_are_replaced_and_those_by_hand_and_all_values_stay() -> None:
    assert annotated(BEFORE, [DEMO]) == AFTER
    assert annotated(AFTER, [DEMO]) == AFTER
    assert YAML(typ="safe").load(AFTER) == YAML(typ="safe").load(BEFORE)


def test_a_value_that_a_comment_would_cut_off_is_refused() -> None:
    with pytest.raises(ValueError, match="would cut off a value"):
        annotated("demo:\n  text: one\n    two\n", [DEMO])

"""The table of a study, on made-up ranks."""

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.core.errors import UserError
from pipeline.metrics.retrieval import Ranks
from pipeline.storage.ranks import QueryRanks, read_ranks, write_ranks
from pipeline.studies.comparison.comparison import Runs, compare, delta, markdown, write_comparison
from pipeline.studies.study.study import StudyPaths

IMAGES, CAPTIONS = 200, 1_000
OWNER = np.repeat(np.arange(IMAGES), CAPTIONS // IMAGES)


def random_runs(seed: int, count: int = 3) -> Runs:
    rng = np.random.default_rng(seed)
    return [
        {
            "text_to_image": QueryRanks(OWNER, rng.integers(1, 5, CAPTIONS)),
            "image_to_text": QueryRanks(np.arange(IMAGES), rng.integers(1, 5, IMAGES)),
        }
        for _ in range(count)
    ]


def perfect_runs() -> Runs:
    return [{name: QueryRanks(run.image, np.ones_like(run.rank)) for name, run in random_runs(0, 1)[0].items()}] * 3


def test_a_clear_difference_is_marked_and_none_is_not() -> None:
    base = random_runs(0)
    figures = compare({"default": base, "same": list(base), "better": perfect_runs(), "other": random_runs(1)})
    differences = {name: figures[name]["text_to_image"].get("R@1_difference") for name in figures}
    assert delta(differences["default"]) == ""
    assert delta(differences["same"]) == "+0.0 ± 0.0"
    assert delta(differences["better"]).endswith("*")
    assert abs(figures["other"]["image_to_text"]["R@1_difference"]["mean"]) < 8


def test_means_and_deviations_are_those_of_the_seeds() -> None:
    runs = random_runs(3)
    recalls = [100 * float(np.mean(run["image_to_text"].rank <= 1)) for run in runs]
    found = compare({"default": runs})["default"]["image_to_text"]["R@1"]
    assert found["mean"] == pytest.approx(sum(recalls) / 3)
    assert found["std"] == pytest.approx((sum((r - found["mean"]) ** 2 for r in recalls) / 2) ** 0.5)
    assert compare({"default": runs[:1]})["default"]["image_to_text"]["R@1"]["std"] == 0.0


def test_the_table_has_a_line_for_each_variant_and_a_cell_for_each_title() -> None:
    lines = markdown(compare({"default": random_runs(0), "no_questions": random_runs(1)}), [2, 3, 4]).splitlines()
    assert len(lines) == 4
    assert {line.count("|") for line in lines} == {8}
    assert lines[0].startswith("| seeds 2, 3, 4 | T2I R@1 | T2I R@10 | I2T R@1")
    assert lines[3].startswith("| no questions | ")


def test_ranks_are_read_as_they_were_written(tmp_path: Path) -> None:
    ranks = Ranks(image_to_text=np.array([3, 1]), text_to_image=np.array([1, 2, 12]))
    write_ranks(tmp_path / "ranks.parquet", ranks, np.array([0, 0, 1]))
    found = read_ranks(tmp_path / "ranks.parquet")
    assert found["image_to_text"].rank.tolist() == [3, 1] and found["image_to_text"].image.tolist() == [0, 1]
    assert found["text_to_image"].rank.tolist() == [1, 2, 12] and found["text_to_image"].image.tolist() == [0, 0, 1]


def test_a_study_is_compared_only_when_all_its_trainings_are_there(tmp_path: Path) -> None:
    where = StudyPaths(tmp_path, "small")
    where.params.parent.mkdir()
    where.params.write_text("small: {seeds: [0, 1], variants: {default: {}, batch_8: {batch_size: 8}}}\n")
    rng = np.random.default_rng(0)
    for variant in ("default", "batch_8"):
        for seed in (0, 1):
            with pytest.raises(UserError, match="is missing"):
                write_comparison(where)
            ranks = Ranks(rng.integers(1, 20, IMAGES), rng.integers(1, 20, CAPTIONS))
            write_ranks(where.items(variant, seed), ranks, OWNER)
    write_comparison(where)
    assert where.table.read_text().count("\n") == 4
    figures = json.loads(where.comparison.read_text())
    assert list(figures) == ["default", "batch_8"]
    assert set(figures["batch_8"]["text_to_image"]["R@1_difference"]) == {"mean", "half_width"}

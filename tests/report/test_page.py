"""The whole page from invented results."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from tests.report.synthetic import PARAMS, write_results

from pipeline.core.errors import UserError
from pipeline.core.settings import read_params
from pipeline.core.visible import HIDDEN
from pipeline.report.page import write_page
from pipeline.tables.examples import CAPTION_EXAMPLES

VOID = {"meta", "img", "br", "link", "line", "rect", "circle", "path", "polyline"}


class Outline(HTMLParser):
    """Checks that tags close in order; notes ids, links, pictures and addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.addresses: list[str] = []
        self.without_alt = 0
        self.tags: set[str] = set()

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)
        if "id" in found:
            self.ids.append(found["id"] or "")
        if tag == "a":
            self.links.append(found["href"] or "")
        if "src" in found:
            self.addresses.append(found["src"] or "")
        if tag == "img" and not found.get("alt"):
            self.without_alt += 1

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag


def make(root: Path, **kind) -> tuple[str, dict[str, int]]:
    write_results(root, **kind)
    return page(root)


def page(root: Path) -> tuple[str, dict[str, int]]:
    content = {"align": {"seed": 3}, "filter": {"rules": {}}}
    data = root / "data"
    figures = write_page(PARAMS, root / "results", data / "pairs", data / "benchmarks", content, root / "page")
    return (root / "page" / "index.html").read_text(), figures


@pytest.fixture(scope="module")
def judged(tmp_path_factory) -> tuple[str, dict[str, int]]:
    return make(tmp_path_factory.mktemp("judged"))


def test_it_is_one_file_that_needs_nothing_else(judged):
    text, figures = judged
    outline = Outline()
    outline.feed(text)
    assert not outline.open and not outline.without_alt and "script" not in outline.tags
    assert outline.addresses and all(address.startswith("data:image/jpeg;base64,") for address in outline.addresses)
    assert len(outline.addresses) == figures["pictures"]
    assert not re.search(r"https?://|@import|url\((?!#)", text)
    assert {link.removeprefix("#") for link in outline.links} <= set(outline.ids)


def test_a_bar_is_as_long_as_its_figure(judged):
    found = re.search(
        r'<p class="value">([\d.]+) %</p>\s*<span class="bar" aria-hidden="true"><i class="c0" style="width:([\d.]+)%">'
        r'</i><b style="left:([\d.]+)%"></b></span>\s*<p>R@1[\s\S]*?bound ([\d.]+) %',
        judged[0],
    )
    assert found
    value, bar, mark, bound = map(float, found.groups())
    assert bar == value != bound == mark


def test_it_tells_what_was_measured(judged):
    text, figures = judged
    assert figures["retrieval_examples"] == 8 and figures["rejected_pairs"] == 6 and figures["kept_pairs"]
    for words in ("A synthetic run", "R@1", "chance", "bound", "second answer differs", "also true", "align", "seed"):
        assert words in text
    assert "rules" in text and "before and after" in text


def test_a_benchmark_is_called_zero_shot_only_where_the_metrics_say_so(judged, tmp_path: Path):
    assert "Zero-shot retrieval on shapes" in judged[0]
    write_results(tmp_path)
    path = tmp_path / "results" / "evaluate" / "metrics.json"
    path.write_text(path.read_text().replace('"zero_shot": true', '"zero_shot": false'))
    text, _ = page(tmp_path)
    assert "Retrieval on shapes" in text and "Zero-shot" not in text


def test_it_tells_what_fine_tuned_models_reached(judged, tmp_path: Path):
    text = re.sub(r"<[^>]*>|\s+", " ", judged[0].partition('<section id="finetuned">')[2].partition("</section>")[0])
    text = " ".join(text.split()).replace(" ,", ",")
    for words in (
        "vqa 1,200 questions VQA accuracy 61.2 %, equal answers 55.0 %, guessed without the image 31.0 %",
        "told stories 40 images CIDEr-D 139.0, BLEU-4 40.1",
        "found 40 images, 200 captions text to image R@1 12.5 % ± 2.2 → 12.5 % ± 2.2",
        "image to text R@1 12.5 % ± 2.2 → 20.0 % ± 3.0",
    ):
        assert words in text
    write_results(tmp_path, images=12)
    (tmp_path / "results" / "evaluate_finetuned" / "metrics.json").write_text("{}")
    assert "Fine-tuned models" not in page(tmp_path)[0]


def test_equal_results_give_equal_bytes(judged, tmp_path: Path):
    assert make(tmp_path)[0] == judged[0]
    assert str(tmp_path) not in judged[0]


def test_without_an_oracle_its_parts_are_left_out(tmp_path: Path):
    text, figures = make(tmp_path, judged=False)
    assert figures["kept_pairs"] and figures["region_captions"]
    for words in ("oracle", "correct before", "bound", "unanswerable", "also true"):
        assert words not in text
    assert "blind answerer" in text and "chance" in text


def test_it_tells_what_held_back_annotations_could_judge(tmp_path: Path):
    text, _ = make(tmp_path, judged=False, annotated=12)
    quality = json.loads((tmp_path / "results/evaluate_data/metrics.json").read_text())["data_quality"]
    pairs, captions = quality["generated"]["judged"], quality["captions"]["generated"]["judged"]
    assert 0 < pairs < captions < 100
    for words in (
        "Annotations of 12 pictures that were held back",
        f"That is {pairs:.1f} % of the pairs and {captions:.1f} % of the region captions",
        f"questions with a correct answer, of the judged: {pairs:.1f} % of all",
        "The verdict is that of held-back annotations.",
        '<th scope="col" class="number">judged</th>',
        "correct before",
    ):
        assert words in text
    for words in ("oracle", "unanswerable", "what is asked about"):
        assert words not in text


def test_annotations_are_not_mentioned_where_the_oracle_judges(tmp_path: Path):
    write_results(tmp_path, images=12, annotated=6)
    text, _ = page(tmp_path)
    assert "judges every pair" in text and "held back" not in text


def test_it_shows_val_images_beside_the_others(tmp_path: Path):
    write_results(tmp_path, images=12)
    path = tmp_path / "results/evaluate_data/metrics.json"
    metrics = json.loads(path.read_text())
    quality = metrics["data_quality"]
    quality["val"] = {name: quality[name] | {"count": 7654} for name in ("generated", "kept", "rejected")}
    path.write_text(json.dumps(metrics))
    text, _ = page(tmp_path)
    assert "kept, val images" in text and text.count("7,654") == 3


CAPTIONS = {"boxes": 4948, "phrases": 10233, "cider": 81.26, "head_noun": 60.2, "head_noun_open": 9.0}
ANSWERS = {"questions": 1200, "vqa_accuracy": 50.04, "exact": 45.0, "blind_exact": 21.0}
ANSWERS |= {"exact_normalised": 47.0, "blind_exact_normalised": 22.0}
TEST = {
    "images": 1000,
    "images_among_pairs": 0,
    "region_captions": CAPTIONS | {"head_noun_strict": 52.5},
    "region_captions_blind": CAPTIONS | {"head_noun_strict": 12.0},
    "filter_answers": ANSWERS | {"by_source": {"derived": ANSWERS | {"questions": 700}}},
}
"""Figures of a split test."""


def with_test(root: Path, **test) -> str:
    write_results(root, images=12)
    path = root / "results/evaluate_data/metrics.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"test": TEST | test}))
    return page(root)[0]


def test_it_tells_the_final_measurement_if_there_was_one(judged, tmp_path: Path):
    assert "Final measurement" not in judged[0]
    whole = with_test(tmp_path)
    text = re.sub(r"<[^>]*>|\s+", " ", whole.partition('<section id="test">')[2].partition("</section>")[0])
    text = " ".join(text.split()).replace(" ,", ",")
    boxes = "4,948 boxes, 10,233 phrases CIDEr-D 81.3, right noun 60.2 %, open 9.0 %, same noun"
    for words in (
        "on 1,000 pictures on which nothing was trained",
        f"region captions of the generator {boxes} 52.5 %",
        f"region captions guessed from the box alone {boxes} 12.0 %",
        "answers of the filter model 1,200 questions VQA accuracy 50.0 %, equal answers 47.0 %, guessed without the",
        "guessed without the image 22.0 %",
        "answers of the filter model, derived 700 questions",
    ):
        assert words in text
    assert "answers of the generator" not in text and "among the pairs" not in text
    assert 'href="#test"' in whole


def test_it_says_how_many_test_pictures_a_pretraining_has_seen(tmp_path: Path):
    assert "7 of them are among the pairs too" in with_test(tmp_path, images_among_pairs=7)


def test_what_models_write_is_text_not_markup(tmp_path: Path):
    text, _ = make(tmp_path, hostile=True)
    assert "<script" not in text and "&lt;script&gt;" in text
    assert "&lt;/script&gt;\\x00\\x1b[2J\\u202e" in text
    assert not HIDDEN.search(text)


@pytest.mark.parametrize(
    ("file", "stage"),
    [
        ("evaluate/metrics.json", "evaluate"),
        ("evaluate_data/details/pairs.parquet", "evaluate_data"),
        ("evaluate_finetuned/metrics.json", "evaluate_finetuned"),
        ("filter/metrics.json", "filter"),
        ("align/plots/training.csv", "align"),
    ],
)
def test_a_missing_result_names_its_stage(tmp_path: Path, file: str, stage: str):
    write_results(tmp_path, images=12)
    (tmp_path / "results" / file).unlink()
    with pytest.raises(UserError, match=f"dvc repro {stage}") as error:
        page(tmp_path)
    assert file in error.value.where
    assert not (tmp_path / "page").exists()


def test_metrics_of_another_kind_are_a_clear_error(tmp_path: Path):
    write_results(tmp_path, images=12)
    (tmp_path / "results" / "filter" / "metrics.json").write_text('{"rows": 3}')
    with pytest.raises(UserError, match="not what the stage writes"):
        page(tmp_path)


def test_a_filter_that_keeps_nothing(tmp_path: Path):
    text, figures = make(tmp_path, images=12, keep=False)
    assert not figures["kept_pairs"] and figures["rejected_pairs"]
    assert "Kept</h3>" not in text and "Rejected</h3>" in text


def test_examples_may_be_absent(tmp_path: Path):
    write_results(tmp_path, images=12)
    none = PARAMS.model_copy(
        update={"queries": 0, "kept_pairs": 0, "rejected_pairs": 0, "region_captions": 0},
    )
    data = tmp_path / "data"
    figures = write_page(none, tmp_path / "results", data / "pairs", data / "benchmarks", {}, tmp_path / "page")
    assert not any(figures.values())


def test_dvc_watches_the_settings_that_the_page_lists(root: Path):
    from pipeline.report.content.settings_table import SHOWN

    assert set(SHOWN) < set(read_params(root / "dvc.yaml")["stages"]["report"]["params"])


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("filter/metrics.json", b'{"pairs": "many", "captions": {}}'),
        ("filter/metrics.json", b'{"pairs": {"kept": NaN}, "captions": {}}'),
        ("filter/metrics.json", b'{"pairs": {}, "captions": {}}'),
        ("filter/metrics.json", b'{"pairs": null, "captions": []}'),
        ("evaluate/metrics.json", b'{"retrieval": {"x": {"text_to_image": {"R@1": true}}}}'),
        ("evaluate/metrics.json", b'{"retrieval": 3}'),
        ("evaluate_data/metrics.json", b'{"data_quality": {"generated": {"count": "1"}}}'),
        ("evaluate/metrics.json", b'{"retrieval": {"x": {"text_to_image": {"R@1": 250.0}}}}'),
        ("evaluate/metrics.json", b'{"retrieval": {"x": {"text_to_image": {"median_rank": -1.0}}}}'),
        ("evaluate/metrics.json", b'{"retrieval": {"\xed\xa0\x80": 3}}'),
        ("evaluate/metrics.json", b"[" * 100_000),
        ("evaluate_finetuned/metrics.json", b'{"vqa": {"questions": 3, "vqa_accuracy": 101.0}}'),
        ("evaluate_finetuned/metrics.json", b'{"vqa": {"questions": 3}}'),
        ("evaluate_finetuned/metrics.json", b'{"vqa": 3}'),
        ("evaluate_data/metrics.json", b'{"data_quality": {}, "test": {"x": {"head_noun_strict": 100.5}}}'),
        ("evaluate_data/metrics.json", b'{"data_quality": {}, "test": {"x": {"blind_exact_normalised": 101}}}'),
        ("evaluate_data/metrics.json", b'{"data_quality": {}, "test": 3}'),
        ("align/plots/training.csv", b"step,loss\n1,nan\n"),
        ("align/plots/validation.csv", b"step,recall\n1,1e999\n"),
        ("align/plots/training.csv", b"\0" * 512),
        ("align/plots/training.csv", b"\xff\xfe\x00"),
        ("align/plots/training.csv", b"step,loss\n1,high\n"),
        ("evaluate/plots/recall_curve.csv", b"benchmark,k\nx,1\n"),
        ("evaluate_data/details/pairs.parquet", b"PAR1 no table PAR1"),
        ("evaluate/details/retrieval.parquet", b""),
    ],
)
def test_results_that_were_edited_are_a_clear_error(tmp_path: Path, file: str, content: bytes):
    write_results(tmp_path, images=12)
    path = tmp_path / "results" / file
    path.unlink()
    path.write_bytes(content)
    with pytest.raises(UserError) as error:
        page(tmp_path)
    assert "results" in error.value.where
    assert not (tmp_path / "page").exists()


@pytest.mark.parametrize("kind", ["pairs", "captions"])
@pytest.mark.parametrize("edit", ["zeros", "one kept more", "a reason less", "no reasons", "a text"])
def test_counts_of_the_filter_that_do_not_add_up_are_refused(tmp_path: Path, kind: str, edit: str):
    write_results(tmp_path, images=12)
    path = tmp_path / "results" / "filter" / "metrics.json"
    metrics = json.loads(path.read_text(encoding="utf-8"))
    counts = metrics[kind]
    if edit == "zeros":
        metrics[kind] = zeros(counts)
    elif edit == "one kept more":
        counts["kept"] += 1
    elif edit == "a reason less":
        counts["reasons"].popitem()
    else:
        counts["reasons"] = {} if edit == "no reasons" else "none"
    path.write_text(json.dumps(metrics), encoding="utf-8")
    with pytest.raises(UserError) as error:
        page(tmp_path)
    assert "filter" in error.value.where
    assert not (tmp_path / "page").exists()


def zeros(value):
    return {name: zeros(part) for name, part in value.items()} if isinstance(value, dict) else 0


def test_an_example_without_a_number_is_refused(tmp_path: Path):
    write_results(tmp_path, images=12)
    path = tmp_path / "results" / "evaluate_data" / "details" / "captions.parquet"
    first, *others = CAPTION_EXAMPLES.read(path).to_pylist()
    CAPTION_EXAMPLES.write(path, [first | {"confidence": float("nan")}, *others])
    with pytest.raises(UserError, match="not a number") as error:
        page(tmp_path)
    assert error.value.where == f"{path}: confidence"

"""One static page from everything measured.

1. `inputs` reads metrics, curves and examples.
2. `content/` turns them into what the page says.
3. The template `page.html` says it; style sheet, charts and pictures are inside, so the page is one file that
   needs no network and no script.

Nothing of the machine or of the day enters it: equal results give equal bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import pyarrow.compute as pc
from markupsafe import Markup

from pipeline.core.errors import UserError
from pipeline.core.files import write_text
from pipeline.core.visible import visible
from pipeline.report.content.curves import recall_panels, training_panels
from pipeline.report.content.finetuned_rows import finetuned_rows
from pipeline.report.content.funnel_tables import funnels, rate_tables
from pipeline.report.content.galleries import Gallery, caption_gallery, pair_gallery, retrieval_galleries
from pipeline.report.content.headline import chain_counts, headline
from pipeline.report.content.settings_table import settings
from pipeline.report.content.test_split_rows import final_measurement
from pipeline.report.content.verdict_table import judges, verdict_table
from pipeline.report.inputs import Results, read_results
from pipeline.report.labels import count
from pipeline.report.params import ReportParams
from pipeline.report.pictures import Album, Picture, benchmark_folder
from pipeline.storage.shards import ImageShards

PACKAGED = ("page.html", "page.css")


def write_page(
    params: ReportParams, results: Path, pairs: Path, benchmarks: Path, content: Mapping[str, Any], page: Path
) -> dict[str, int]:
    """Write `index.html` into the folder `page`; returns how many examples and pictures it shows.

    results: the folder of all stages' results; content: the whole params.yaml. Raises UserError if a result
    or an image is missing, or was edited so that no page can be made of it.
    """
    training = ImageShards(pairs)
    album = Album(training, params.picture_pixels)
    measured = read_results(results)
    try:
        view = page_view(measured, params, training, album.picture, benchmark_pictures(benchmarks, params))
        view["settings"] = settings(content)
        text = render(view)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, jinja2.UndefinedError) as error:
        raise UserError(
            "The results do not fit each other, or are not what the stages write.",
            where=results,
            found=f"{type(error).__name__}: {error}",
            fix="run the stages filter and evaluate, evaluate_data, evaluate_finetuned again (`dvc repro -f -s …`)",
        ) from error
    write_text(page / "index.html", text)
    return {
        "retrieval_examples": sum(len(gallery.queries) for gallery in view["galleries"]),
        "kept_pairs": len(view["kept"]),
        "rejected_pairs": len(view["rejected"]),
        "region_captions": len(view["captions"]),
        "pictures": text.count("<img "),
    }


def page_view(
    results: Results,
    params: ReportParams,
    training: ImageShards,
    pair_picture: Callable[[str], Picture],
    benchmark_picture: Callable[[str, str, str], Picture],
) -> dict[str, Any]:
    """Everything that the template says, by name."""
    learnt = training.manifest.filter(pc.field("split") == "train")
    images, captions = learnt.num_rows, len(learnt["captions"].combine_chunks().flatten())
    quality = results.data_quality
    galleries = retrieval_galleries(results.retrieval_examples, params, benchmark_picture)
    kept, rejected = pair_gallery(results.pair_examples, params, pair_picture)
    return {
        "title": params.title,
        "sentence": sentence(results, images),
        "groups": headline(results, images, captions),
        "key_to_bars": key_to_bars(results),
        "chain": chain_counts(results, images),
        "trainings": training_panels(results.curves),
        "recalls": recall_panels(results.recall, results.retrieval),
        "finetuned": finetuned_rows(results.finetuned),
        "funnels": funnels(results.filter),
        "verdicts": verdict_table(quality),
        "judges": judges(quality),
        "final": final_measurement(results.test),
        "judged_images": count(quality["images"]),
        "rates": rate_tables(results.filter, quality),
        "galleries": galleries,
        "has_true": any_true(galleries),
        "kept": kept,
        "rejected": rejected,
        "captions": caption_gallery(results.caption_examples, params, pair_picture),
    }


def sentence(results: Results, images: int) -> str:
    """What the page is about, in one sentence."""
    return (
        f"An image-text retrieval model, trained on {count(images)} images with captions and on the "
        f"{count(results.filter['pairs']['kept'])} question-answer pairs and "
        f"{count(results.filter['captions']['kept'])} region captions that were generated from them and passed "
        "the filter."
    )


def key_to_bars(results: Results) -> str:
    """What the lines across the bars of the headline figures mean; empty where there are none."""
    marks = []
    if any("bound" in metrics for metrics in results.retrieval.values()):
        marks.append(
            "for retrieval the bound, which is what a retriever reaches that knows what is true of every picture "
            "(a partial caption fits several)"
        )
    if "correct" in results.data_quality["generated"]:
        marks.append("for correctness the share before the filter")
    return f"The line across a bar marks {', and '.join(marks)}." if marks else ""


def any_true(galleries: Sequence[Gallery]) -> bool:
    """Does any gallery mark an answer that is true though it belongs to another picture?"""
    return any(c.state == "true" for gallery in galleries for query in gallery.queries for c in query.candidates)


def benchmark_pictures(benchmarks: Path, params: ReportParams) -> Callable[[str, str, str], Picture]:
    """Looks up pictures of benchmarks; each folder is opened once."""

    @cache
    def album(folder: Path) -> Album:
        return Album(ImageShards(folder), params.picture_pixels)

    return lambda name, split, key: album(benchmark_folder(benchmarks, name, split)).picture(key)


def render(view: Mapping[str, Any]) -> str:
    """The page's HTML, in which texts are neither markup nor hidden characters."""
    folder = Path(__file__).parent
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    style = Markup((folder / "page.css").read_text(encoding="utf-8"))
    return visible(environment.get_template("page.html").render(style=style, **view))

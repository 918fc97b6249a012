"""Verdicts on what two models said about held-out images."""

from tests.evaluation.data_quality.fake_judge import FakeJudge

from pipeline.evaluation.data_quality.measure_held_out import measure_held_out
from pipeline.tables.held_out import HELD_OUT_ANSWERS, HELD_OUT_CAPTIONS

BOX = [0.0, 0.0, 1.0, 1.0]


def answered(number, url, answer):
    row = {"key": f"image{number}", "url": url, "question_id": "0", "box": None, "question": "what colour?"}
    return {**row, "question_type": "what", "references": ["green"], "answer": answer}


def captioned(number, url, caption):
    row = {"key": f"image{number}", "url": url, "region_id": "0", "box": BOX, "phrase": "a thing"}
    return {**row, "caption": caption}


def test_held_out_rows_are_judged_where_the_truth_is_known(tmp_path):
    urls = ["known://0", "known://1", "known://2", "http://3"]
    said = ["red", "blue", "red", "red"]
    answers = [answered(n, url, text) for n, (url, text) in enumerate(zip(urls, said, strict=True))]
    generator, filter_model = (tmp_path / f"train_{name}" / "held_out" for name in ("generator", "filter"))
    HELD_OUT_ANSWERS.write(generator / "answers.parquet", answers)
    captions = [captioned(0, "known://0", "red ball"), captioned(1, "known://1", "ball"), captioned(3, urls[3], "red")]
    HELD_OUT_CAPTIONS.write(generator / "captions.parquet", captions)
    HELD_OUT_ANSWERS.write(filter_model / "answers.parquet", answers[3:])
    metrics = measure_held_out(tmp_path, FakeJudge())
    assert set(metrics) == {"generator"}
    assert metrics["generator"]["captions"] == {"count": 2, "true": 50.0}
    assert metrics["generator"]["answers"]["by_kind"]["colour"]["correct"] == 66.67

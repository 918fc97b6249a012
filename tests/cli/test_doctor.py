"""What the doctor says of encoders' weights, without fetching any."""

from pathlib import Path

import pytest

from pipeline.cli.doctor import encoders, examine, weights_of
from pipeline.encoders.common.params import ImageEncoderParams, TextEncoderParams
from pipeline.encoders.common.resolve import EncoderParams
from pipeline.questioner.model.params import QuestionerParams, TextModelParams


@pytest.mark.parametrize(
    ("params", "kind", "text"),
    [
        (ImageEncoderParams(), "ok", "packaged"),
        (TextEncoderParams(weights="random"), "note", "random, on purpose"),
        (TextEncoderParams(name="hf:data/raw/here"), "ok", "weights of hf:data/raw/here: data/raw/here"),
        (TextEncoderParams(name="hf:data/raw/none"), "lacks", "data/raw/none"),
        (ImageEncoderParams(name="timm:resnet18", weights="data/raw/none.safetensors"), "lacks", "none.safetensors"),
        (ImageEncoderParams(name="timm:resnet9000"), "lacks", "There is no image encoder"),
        (ImageEncoderParams(name="timm:resnet18.a1_in1k"), "note", "downloaded at first use"),
        (TextEncoderParams(name="hf:bert-base-uncased"), "note", "downloaded at first use"),
    ],
    ids=lambda value: value.name if isinstance(value, EncoderParams) else "",
)
def test_weights_are_looked_for_and_not_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, params: EncoderParams, kind: str, text: str
) -> None:
    import huggingface_hub

    asked = []
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *names: asked.append(names))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    (tmp_path / "data" / "raw" / "here").mkdir(parents=True)
    finding = weights_of(tmp_path, params)
    assert finding.kind == kind and text in finding.text
    assert bool(asked) == (text == "downloaded at first use")


def test_the_text_model_of_a_questioner_is_an_encoder_too() -> None:
    text = TextModelParams(name="hf:data/raw/encoders/bert")
    params = QuestionerParams(train_image_encoder=False, text=text)
    assert list(encoders(params)) == [ImageEncoderParams(), TextEncoderParams(name="hf:data/raw/encoders/bert")]


def test_aliases_that_multiply_are_named_where_dvc_would_only_work_on(root: Path, tmp_path: Path) -> None:
    lines = [f"a{n}: &a{n} [{', '.join(10 * [f'*a{n - 1}'])}]" for n in range(1, 12)]
    params = tmp_path / "params.yaml"
    params.write_text("\n".join(["a0: &a0 [x]", *lines, "report: {title: *a11}"]), encoding="utf-8")
    (finding,) = (finding for finding in examine(root, params) if "alias" in finding.text)
    assert finding.kind == "lacks" and f"{params}, line 2" in finding.text


@pytest.mark.parametrize(("preset", "has"), [("flickr8k", False), ("flickr8k", True), ("smoke", False)])
def test_float32_in_place_of_bfloat16_is_noted(
    root: Path, monkeypatch: pytest.MonkeyPatch, preset: str, has: bool
) -> None:
    monkeypatch.setattr("pipeline.execution.precision.has_bfloat16", lambda _: has)
    notes = [finding for finding in examine(root, root / "presets" / f"{preset}.yaml") if "bfloat16" in finding.text]
    assert [note.kind for note in notes] == (["note"] if preset == "flickr8k" and not has else [])

"""What the doctor says of encoders' weights, without fetching any."""

from pathlib import Path

import pytest

from pipeline.cli.doctor import encoders, weights_of
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

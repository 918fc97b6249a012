"""`finealign plan` on the preset smoke, whose models take seconds."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipeline.cli.plan import listed_images, plan
from pipeline.core.errors import UserError
from pipeline.core.settings import read_params
from pipeline.plan import calibrate
from pipeline.plan.stand_ins import provide_text_encoders, untrained


def test_smoke_is_measured_and_counted(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibrate, "ENOUGH", 0.0)
    plan(root, "smoke", None, None, None, None)
    told = capsys.readouterr().out
    assert all(stage in told for stage in read_params(root / "params.yaml") if stage not in ("needs", "inputs"))
    assert "measured here" in told and "counted" not in told.split("\n", 4)[-1] and "400 pictures" in told
    plan(root, "smoke", "L4", 2, 7.5, 1000)
    told = capsys.readouterr().out
    assert "2 × L4, $7.5 an hour each" in told and "counted for L4" in told and "1,000 pictures" in told


def test_mistakes_are_told(root: Path) -> None:
    with pytest.raises(UserError, match="There is no preset 'big'"):
        plan(root, "big", None, None, None, None)
    with pytest.raises(UserError, match="GTX"):
        plan(root, "smoke", "GTX", None, None, None)


def test_gpus_of_a_machine_without_one(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINEALIGN_DEVICE", "cpu")
    with pytest.raises(UserError, match="has no GPU"):
        plan(root, "smoke", None, 2, None, None)


def test_images_are_read_where_they_are_those_of_the_preset(root: Path, tmp_path: Path) -> None:
    from tests.questioner.annotated import write_pairs

    shutil.copy(root / "presets" / "smoke.yaml", tmp_path / "params.yaml")
    assert listed_images(tmp_path, root / "presets" / "smoke.yaml") is None
    write_pairs(tmp_path / "data" / "pairs", images=9)
    assert listed_images(tmp_path, root / "presets" / "smoke.yaml") == 6
    assert listed_images(tmp_path, root / "presets" / "cc3m.yaml") is None


def test_text_encoders_of_this_machine_are_taken_and_others_replaced(root: Path, tmp_path: Path) -> None:
    from pipeline.cli.doctor import stage_params

    sections = stage_params(root, root / "presets" / "cc3m.yaml")
    home = tmp_path / "home"
    here = home / "google-bert" / "bert-base-uncased"
    told = list(provide_text_encoders(sections, home, tmp_path / "first"))
    assert len(told) == 1 and "BERT base" in told[0]
    here.mkdir(parents=True)
    (here / "config.json").write_text("{}", encoding="utf-8")
    assert not list(provide_text_encoders(sections, home, tmp_path / "second"))
    assert (tmp_path / "second" / "google-bert" / "bert-base-uncased").resolve() == here


def test_only_encoders_lose_their_weights() -> None:
    block = {"name": "timm:x", "weights": "a.safetensors", "image_size": 8}
    content = {"encoder": block, "tasks": [{"name": "questions", "weights": {"a": 1}}], "init_from": "models/x"}
    assert untrained(content) == {
        "encoder": block | {"weights": "random"},
        "tasks": content["tasks"],
        "init_from": None,
    }

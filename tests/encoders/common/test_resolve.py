"""Where encoders' files lie: given, packaged, published or none; digests; and no torch for what lies here."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.cli.doctor import encoders, stage_command
from pipeline.core.errors import UserError
from pipeline.core.files import hash_file, hash_json, write_json, write_text
from pipeline.core.settings import load_params
from pipeline.encoders.common.checkpoint import WEIGHTS
from pipeline.encoders.common.params import ImageEncoderParams, TextEncoderParams
from pipeline.encoders.common.resolve import BERT_FOLDER, VIT_FILE, EncoderParams, Published, locate, resolve
from pipeline.execution.closure import import_closure

STAGES = sorted(path.stem for path in (Path(__file__).resolve().parents[3] / "stages").glob("*.py"))


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        (ImageEncoderParams(), VIT_FILE),
        (ImageEncoderParams(weights="random"), None),
        (ImageEncoderParams(weights="data/vit.safetensors"), "data/vit.safetensors"),
        (ImageEncoderParams(name="timm:resnet18", weights="data/resnet.safetensors"), "data/resnet.safetensors"),
        (ImageEncoderParams(name="timm:resnet18", weights="random"), None),
        (
            ImageEncoderParams(name="timm:resnet18.a1_in1k"),
            Published("timm/resnet18.a1_in1k", "model.safetensors"),
        ),
        (TextEncoderParams(), BERT_FOLDER),
        (TextEncoderParams(weights="data/bert"), "data/bert"),
        (TextEncoderParams(name="hf:here"), "here"),
        (TextEncoderParams(name="hf:here", weights="random"), "here"),
        (TextEncoderParams(name="hf:data/none"), "data/none"),
        (TextEncoderParams(name="hf:bert-base-uncased"), Published("bert-base-uncased")),
        (TextEncoderParams(name="hf:someone/bert"), Published("someone/bert")),
    ],
    ids=lambda value: value.name if isinstance(value, EncoderParams) else "",
)
def test_files_are_given_packaged_published_or_none(
    tmp_path: Path, params: EncoderParams, expected: Path | Published | str | None
) -> None:
    (tmp_path / "here").mkdir()
    assert locate(params, tmp_path) == (tmp_path / expected if isinstance(expected, str) else expected)


def test_digests_are_those_of_the_files(tmp_path: Path) -> None:
    image = resolve(ImageEncoderParams(), tmp_path)
    assert image.digest == hash_file(VIT_FILE)
    assert resolve(ImageEncoderParams(blocks=1), tmp_path).digest == f"{image.digest} blocks 1"
    assert resolve(ImageEncoderParams(weights="random"), tmp_path).digest == "random"

    write_json(tmp_path / "bert" / "config.json", {"model_type": "bert"})
    write_text(tmp_path / "bert" / "vocab.txt", "[PAD]\n")
    write_text(tmp_path / "bert" / "model.safetensors", "weights")
    write_text(tmp_path / "bert" / "README.md", "not read by the model")
    files = [tmp_path / "bert" / name for name in ("config.json", "model.safetensors", "vocab.txt")]
    content = [[path.name, hash_file(path)] for path in files]
    text = resolve(TextEncoderParams(name="hf:bert"), tmp_path)
    assert text.digest == hash_json([False, content]) and text.config == {"model_type": "bert"}
    assert resolve(TextEncoderParams(name="hf:bert", layers=2), tmp_path).digest == f"{text.digest} layers 2"
    random = resolve(TextEncoderParams(name="hf:bert", weights="random"), tmp_path)
    assert random.digest == hash_json([True, content]) and random.weights is None


def test_missing_weights_are_refused_unless_they_are_to_be_random(tmp_path: Path) -> None:
    write_json(tmp_path / "bert" / "config.json", {})
    with pytest.raises(UserError, match=r"not here and cannot be fetched[\s\S]*model\.safetensors"):
        resolve(TextEncoderParams(name="hf:bert"), tmp_path)
    assert resolve(TextEncoderParams(name="hf:bert", weights="random"), tmp_path).folder == tmp_path / "bert"


def test_what_lies_here_is_resolved_without_torch() -> None:
    program = (
        "import sys, pathlib;"
        "from pipeline.encoders.common.params import ImageEncoderParams, TextEncoderParams;"
        "from pipeline.encoders.common.resolve import resolve;"
        "print([resolve(params, pathlib.Path()).digest for params in (ImageEncoderParams(), TextEncoderParams())]);"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_the_packaged_weights_that_its_parameters_may_name(root: Path, stage: str) -> None:
    file = root / "stages" / f"{stage}.py"
    params = load_params(root / "params.yaml", stage, stage_command(file).params)
    closure = import_closure(file)
    for encoder in encoders(params):
        assert (VIT_FILE if isinstance(encoder, ImageEncoderParams) else BERT_FOLDER / WEIGHTS) in closure


@pytest.mark.parametrize("kind", ["folder", "link to nowhere", "pipe"])
@pytest.mark.parametrize("params", [ImageEncoderParams(weights="weights"), TextEncoderParams(name="hf:data/bert")])
def test_weights_that_are_no_file_are_refused(tmp_path: Path, params: EncoderParams, kind: str) -> None:
    """A pipe would hang for ever, a folder end in a traceback."""
    folder = tmp_path / "data" / "bert"
    folder.mkdir(parents=True)
    write_json(folder / "config.json", {})
    path = tmp_path / "weights" if isinstance(params, ImageEncoderParams) else folder / WEIGHTS
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(tmp_path / "nowhere")
    with pytest.raises(UserError, match=kind.split()[0]):
        resolve(params, tmp_path)

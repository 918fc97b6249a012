"""A training as a whole: going on from an earlier model, and what cannot be trained."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from pipeline.encoders.tensors import read_tensors
from pipeline.errors import UserError
from pipeline.questioner.fit import Fitting
from pipeline.questioner.params import TrainGeneratorParams
from pipeline.stage import Paths
from tests.questioner import annotated

EARLIER = "data/raw/encoders/earlier"


def params(layers: int = 1, **model: Any) -> TrainGeneratorParams:
    return TrainGeneratorParams.model_validate(
        {
            "model": {"train_image_encoder": False, "text": {"layers": layers}, **model},
            "samples": {"hidden_share": 0.6},
            "validation": {"images_while_training": 2},
            "training": {"seed": 0, "steps": 2, "batch_size": 3, "learning_rate": 0.01, "validate_every": 1},
        }
    )


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    found = Paths.of(tmp_path, "train_generator")
    annotated.write_annotations(found.annotations)
    return found


def test_training_goes_on_from_an_earlier_model(paths: Paths):
    figures = Fitting(params(), paths).run()
    assert figures["validation"]["answers"]["questions"] == 6 and figures["best_step"] in (1, 2)
    weights = read_tensors(paths.generator / "model.safetensors")
    shutil.move(paths.generator, paths.root / EARLIER)
    fresh = Fitting(params(), paths).parts.state_dict()
    later = Fitting(params(start_from=EARLIER), paths)
    assert all(torch.equal(weights[name], value) for name, value in later.parts.state_dict().items())
    assert not all(torch.equal(weights[name], value) for name, value in fresh.items())
    assert later.fingerprint() != Fitting(params(), paths).fingerprint()
    with pytest.raises(UserError, match="do not fit"):
        Fitting(params(layers=2, start_from=EARLIER), paths)
    with pytest.raises(UserError, match="cannot be read"):
        Fitting(params(start_from="data/raw/encoders/nowhere"), paths)


@pytest.mark.parametrize(
    ("model", "message"),
    [({"start_from": "models/generator"}, "start_from"), ({"image": {"resize": "crop"}}, "resize must be squash")],
)
def test_what_dvc_or_boxes_do_not_allow_is_refused(model: dict[str, Any], message: str):
    with pytest.raises(ValidationError, match=message):
        params(**model)

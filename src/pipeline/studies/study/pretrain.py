"""One seed's model before and after the chain's pre-training, from which the starts of several studies take it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pipeline.core.files import remove
from pipeline.core.settings import load_params
from pipeline.core.stage import Paths
from pipeline.questioner.model.checkpoint import save_model
from pipeline.questioner.pretraining.params import PretrainParams
from pipeline.questioner.pretraining.train import Pretraining
from pipeline.studies.study.seeds import FRESH, PRETRAINED, models_of_seed, pretrain_params
from pipeline.studies.study.workshop import workshop


def pretrain_seed(root: Path, seed: int) -> None:
    """Build the chain's model with one seed, pre-train it, and keep both.

    Raises UserError for invalid parameters, or missing data or weights.
    """
    paths, target = Paths.of(root, "pretrain"), models_of_seed(root, seed)
    load_params(paths.params, "pretrain", PretrainParams)  # Tells a mistake before the wait for the lock.
    with workshop(paths.scratch, "pretrained", str(seed)) as lab:
        params = pretrain_params(load_params(paths.params, "pretrain", PretrainParams), seed)
        models = lab / "models"
        inside = replace(paths, scratch=lab, pretrained=models / PRETRAINED, results=lab / "results")
        training = Pretraining(params, inside)
        save_model(
            models / FRESH, training.config, training.modules, training.prompts.tokenizer, training.provenance(0)
        )
        training.run()
        remove(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        models.rename(target)

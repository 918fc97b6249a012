"""One start with one seed: generator and filter model, trained and measured on held-out images.

The models themselves are not kept: what they got on each held-out question and region is.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pipeline.core.files import write_json
from pipeline.core.settings import load_params
from pipeline.core.stage import Paths
from pipeline.questioner.training.params import TrainFilterParams, TrainGeneratorParams
from pipeline.questioner.training.train import QuestionerTraining
from pipeline.studies.init_from.params import SECTION, InitFromStudy, training_params
from pipeline.studies.init_from.scores import write_scores
from pipeline.studies.study.study import StudyPaths
from pipeline.studies.study.workshop import workshop


def train_start(root: Path, name: str, seed: int) -> None:
    """Train one start with one seed; write its scores and metrics.

    Raises UserError if the start does not exist or is not valid, or if an input is missing.
    """
    where, paths = StudyPaths(root, SECTION), Paths.of(root, SECTION)

    def read() -> dict[str, TrainGeneratorParams | TrainFilterParams]:
        start = where.chosen(load_params(where.params, SECTION, InitFromStudy).starts, "start", name)
        generator = load_params(paths.params, "train_generator", TrainGeneratorParams)
        filter_model = load_params(paths.params, "train_filter", TrainFilterParams)
        return {
            "generator": training_params(generator, start, seed),
            "filter": training_params(filter_model, start, seed),
        }

    read()  # Tells a mistake before the wait for the lock.
    with workshop(paths.scratch, SECTION, f"{name}-{seed}") as lab:
        metrics = {}
        for task, params in read().items():
            model, results = lab / "models" / task, lab / "results" / task
            inside = replace(paths, scratch=lab, generator=model, filter_model=model, results=results)
            metrics[task] = QuestionerTraining(params, inside).run()
        write_scores(where.items(name, seed), {task: lab / "results" / task / "held_out" for task in metrics})
        write_json(where.metrics(name, seed), metrics)

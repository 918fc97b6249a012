"""One start with one seed: pre-training that goes on, then every task with every number of labels.

The models themselves are not kept: what they got on each held-out item is.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from pipeline.core.files import link_or_copy, remove, require_folder, write_json
from pipeline.core.settings import load_params
from pipeline.core.stage import Paths
from pipeline.questioner.finetuning.params import FinetuneParams
from pipeline.questioner.finetuning.train import Finetuning
from pipeline.studies.few_labels.params import SECTION, FewLabels, Start, finetune_params
from pipeline.studies.few_labels.scores import write_scores
from pipeline.studies.study.seeds import FRESH, PRETRAINED, models_of_seed
from pipeline.studies.study.study import StudyPaths
from pipeline.studies.study.workshop import workshop
from pipeline.tables.triplets import GENERATED_QA, KEPT_QA


def finetune_start(root: Path, name: str, seed: int) -> None:
    """Fine-tune one start with one seed; write its scores and metrics.

    Raises UserError if the start does not exist or is not valid, or if an input is missing.
    """
    where, paths = StudyPaths(root, SECTION), Paths.of(root, "finetune")

    def read() -> tuple[FinetuneParams, Start]:
        study = load_params(where.params, SECTION, FewLabels)
        start = where.chosen(study.starts, "start", name)
        return finetune_params(load_params(paths.params, "finetune", FinetuneParams), study, start, seed), start

    read()  # Tells a mistake before the wait for the lock.
    with workshop(paths.scratch, SECTION, f"{name}-{seed}") as lab:
        params, start = read()
        model = models_of_seed(root, seed) / (PRETRAINED if start.data else FRESH)
        triplets = generated_triplets(paths.generated, lab / "triplets") if start.unfiltered else paths.triplets
        inside = replace(
            paths, scratch=lab, pretrained=model, finetuned=lab / "models", results=lab / "results", triplets=triplets
        )
        metrics = Finetuning(params, inside).run()
        write_scores(where.items(name, seed), params.tasks, inside.results / "held_out")
        write_json(where.metrics(name, seed), metrics)


def generated_triplets(generated: Path, folder: Path) -> Path:
    """Fill a folder with all generated pairs and region captions, as if the filter had kept each; returns it.

    What the filter model said of a pair is null. Raises UserError if there are none.
    """
    require_folder(generated, "dvc repro generate")
    remove(folder)
    for path in sorted(generated.glob("*-qa.parquet")):
        rows = GENERATED_QA.read(path)
        for column in KEPT_QA.columns[len(GENERATED_QA.columns) :]:
            rows = rows.append_column(column.name, pa.nulls(len(rows), column.type))
        KEPT_QA.write(folder / path.name, rows)
    for path in sorted(generated.glob("*-dc.parquet")):
        link_or_copy(path, folder / path.name)
    return folder

"""Embed every picture once with a frozen image teacher.

Reads   data/pairs/  and, where the parameters name weights there, data/raw/encoders/
Writes  data/teacher/  results/embed_teacher/
Paper   S-SMKE, section 3.3: the self-supervised teacher of the distillation
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

if __name__ == "__main__":
    from pipeline.core.process.interruption import end_on_signals

    end_on_signals()

from pipeline.core.stage import Paths, stage
from pipeline.teacher.params import EmbedTeacherParams


@stage(writes=["teacher"])
def main(params: EmbedTeacherParams, paths: Paths) -> dict:
    from pipeline.execution.shard_map import map_shards
    from pipeline.storage.shards import ImageShards
    from pipeline.teacher.step import OUTPUT, TeacherStep
    from pipeline.teacher.table import teacher_metrics

    pairs = ImageShards(paths.pairs)
    step = TeacherStep(params, paths.root)
    map_shards(step, step.shards(pairs), into={OUTPUT: paths.teacher}, scratch=paths.scratch)
    return teacher_metrics(paths.teacher, pairs.manifest)


if __name__ == "__main__":
    main()

"""The scores of a study's cell as rows of the table SCORES."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.tables.scores import SCORES


def rows(task: str, measure: str, images: npt.ArrayLike, values: npt.ArrayLike) -> pa.Table:
    """One measure as rows of the table; images become numbers."""
    _, image = np.unique(np.asarray(images), return_inverse=True)
    count = len(image)
    columns = {"task": [task] * count, "measure": [measure] * count, "item": np.arange(count), "image": image}
    return SCORES.build(pa.table({**columns, "value": np.asarray(values, dtype=np.float64)}))

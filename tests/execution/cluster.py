"""A Ray cluster of two nodes on this machine, whose nodes and workers can be lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import pytest


@contextmanager
def two_nodes(cores: int = 1) -> Iterator[Any]:
    """Two nodes with so many cores each, beside a head that works on nothing; skips the test where Ray is absent."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    try:
        for _ in range(2):
            cluster.add_node(num_cpus=cores)
        yield cluster
    finally:
        cluster.shutdown()


def raylet(node: Any) -> psutil.Process:
    """The process that a node's workers are children of."""
    return psutil.Process(node.all_processes["raylet"][0].process.pid)

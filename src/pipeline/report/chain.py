"""The chain as a small drawing: what flows from stage to stage, with counts.

One drawing lies for wide screens, one stands for narrow ones: the same nodes and arrows with both directions
exchanged. The page's style sheet shows the one that fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

Edge = tuple[int, int]


@dataclass(frozen=True)
class Node:
    """A box of the drawing: its step along the chain, its lane, its name and one line below it."""

    along: int
    lane: int
    name: str
    detail: str
    strong: bool = False


@dataclass(frozen=True)
class Layout:
    """Sizes of the boxes and of the gaps between them, in units of the drawing; does it flow downwards?"""

    upright: bool
    width: int
    height: int
    gap_x: int
    gap_y: int

    def corner(self, node: Node) -> tuple[int, int]:
        """The upper left corner of a node."""
        column, row = (node.lane, node.along) if self.upright else (node.along, node.lane)
        return 1 + column * (self.width + self.gap_x), 1 + row * (self.height + self.gap_y)


LYING = Layout(upright=False, width=150, height=58, gap_x=46, gap_y=24)
UPRIGHT = Layout(upright=True, width=118, height=54, gap_x=12, gap_y=38)


def chain(nodes: Sequence[Node], edges: Sequence[Edge], layout: Layout) -> Markup:
    """The drawing; `edges` are pairs of places in `nodes`."""
    corners = [layout.corner(node) for node in nodes]
    told = "; ".join(f"{nodes[start].name} to {nodes[end].name}" for start, end in edges)
    return Markup('<svg class="chain {}" viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}</svg>').format(
        "upright" if layout.upright else "lying",
        max(x for x, _ in corners) + layout.width + 1,
        max(y for _, y in corners) + layout.height + 1,
        f"The chain: {told}.",
        Markup("").join(_arrow(corners[start], corners[end], layout) for start, end in edges),
        Markup("").join(_box(node, layout) for node in nodes),
    )


def _box(node: Node, layout: Layout) -> Markup:
    x, y = layout.corner(node)
    middle = x + layout.width // 2
    return Markup(
        '<g class="{}"><rect x="{}" y="{}" width="{}" height="{}" rx="7"/>'
        '<text class="name" x="{}" y="{}">{}</text><text class="detail" x="{}" y="{}">{}</text></g>'
    ).format(
        "node strong" if node.strong else "node",
        *(x, y, layout.width, layout.height),
        *(middle, y + layout.height // 2 - 4, node.name),
        *(middle, y + layout.height // 2 + 15, node.detail),
    )


def _arrow(start: tuple[int, int], end: tuple[int, int], layout: Layout) -> Markup:
    """From the front of one box straight along its lane, then in a bend to the back of another, with a head."""
    (x1, y1), (x2, y2) = start, end
    if layout.upright:
        x1, y1, x2 = x1 + layout.width // 2, y1 + layout.height, x2 + layout.width // 2
        turn = y2 - layout.gap_y
        path = f"M{x1},{y1} V{turn} C{x1},{y2 - 12} {x2},{turn + 8} {x2},{y2 - 6}"
        head = f"M{x2 - 4},{y2 - 8} L{x2},{y2 - 1} L{x2 + 4},{y2 - 8} Z"
    else:
        x1, y1, y2 = x1 + layout.width, y1 + layout.height // 2, y2 + layout.height // 2
        turn = x2 - layout.gap_x
        path = f"M{x1},{y1} H{turn} C{x2 - 12},{y1} {turn + 8},{y2} {x2 - 6},{y2}"
        head = f"M{x2 - 8},{y2 - 4} L{x2 - 1},{y2} L{x2 - 8},{y2 + 4} Z"
    return Markup('<path class="arrow" d="{}"/><path class="head" d="{}"/>').format(path, head)

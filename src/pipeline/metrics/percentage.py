"""Shares in percent, as all metrics give them."""

from __future__ import annotations


def percentage(part: int, whole: int) -> float:
    """`part` of `whole` in percent, two decimals; 0 if the whole is 0."""
    return round(100 * part / whole, 2) if whole else 0.0

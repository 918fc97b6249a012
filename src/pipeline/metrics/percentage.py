"""Shares as the metrics tell them."""


def percentage(part: int, whole: int) -> float:
    """`part` of `whole` in percent, two decimals; 0 of nothing."""
    return round(100 * part / whole, 2) if whole else 0.0

"""Why an address gave no picture: the reasons of the table `failures.parquet`.

A failure is temporary if the same address may well give a picture later; all others are permanent.
"""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """One word for each kind of failure."""

    BAD_URL = "bad_url"
    DNS = "dns"
    NO_SUCH_HOST = "no_such_host"
    REFUSED_ADDRESS = "refused_address"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    CONNECTION_LOST = "connection_lost"
    HTTP_4XX = "http_4xx"
    HTTP_429 = "http_429"
    HTTP_5XX = "http_5xx"
    HTTP_OTHER = "http_other"
    REDIRECTS = "redirects"
    TOO_LARGE = "too_large"
    ENCODED = "encoded"
    OPTED_OUT = "opted_out"
    NOT_AN_IMAGE = "not_an_image"
    BOMB = "bomb"
    TOO_SMALL = "too_small"
    TOO_LONG = "too_long"


TEMPORARY = frozenset(
    (Reason.DNS, Reason.CONNECT, Reason.TIMEOUT, Reason.CONNECTION_LOST, Reason.HTTP_429, Reason.HTTP_5XX)
)
"""Failures that are tried again."""


class Failure(Exception):
    """No picture came of an address. status: of the last answer; retry_after: seconds that the server asks to wait."""

    def __init__(self, reason: Reason, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(reason, status, retry_after)
        self.reason, self.status, self.retry_after = reason, status, retry_after

    @property
    def temporary(self) -> bool:
        """Whether the same address may give a picture later."""
        return self.reason in TEMPORARY


def of_status(status: int, retry_after: float | None = None) -> Failure:
    """The failure that a status other than 200 means."""
    if status == 429:
        return Failure(Reason.HTTP_429, status, retry_after)
    if status == 408:
        return Failure(Reason.TIMEOUT, status, retry_after)
    if 500 <= status < 600:
        return Failure(Reason.HTTP_5XX, status, retry_after)
    return Failure(Reason.HTTP_4XX if 400 <= status < 500 else Reason.HTTP_OTHER, status)

"""Parameters of a crawl: how many connections, how long, how often, how much, and who asks."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.core.settings import Params

Seconds = Annotated[float, Field(gt=0, le=3600)]


class WebParams(Params):
    """How pictures are asked for at their addresses."""

    contact: str = Field(
        default="",
        max_length=200,
        pattern=r"^[ -~]*$",
        description="Address or e-mail for the owners of servers, part of the user agent; empty: none.",
    )
    connections: int = Field(default=128, ge=1, le=4096, description="Requests at a time, of each worker process.")
    connections_per_host: int = Field(
        default=4, ge=1, le=256, description="Requests at a time to one host, of each worker process."
    )
    connect_seconds: Seconds = Field(default=10.0, description="Time to connect, in seconds.")
    read_seconds: Seconds = Field(default=15.0, description="Longest silence of a server, in seconds.")
    total_seconds: Seconds = Field(
        default=60.0, description="Time for one picture in seconds, redirects, pauses and all attempts included."
    )
    attempts: int = Field(default=3, ge=1, le=20, description="Attempts at an address that fails temporarily.")
    max_megabytes: float = Field(default=20.0, gt=0, le=1000, description="Maximum size of a picture's file.")
    max_redirects: int = Field(default=5, ge=0, le=50, description="Maximum redirects of one request.")
    honour_opt_out: bool = Field(
        default=True, description="Leave out pictures whose X-Robots-Tag says noai, noimageai, noindex or noimageindex."
    )
    allow_private_addresses: bool = Field(
        default=False, description="Ask loopback, private, link-local and other addresses that are not public."
    )

from __future__ import annotations

import pytest

from pipeline.fetch.web import connect
from pipeline.fetch.web.addresses import is_public


@pytest.fixture(autouse=True)
def the_server_counts_as_public(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "is_public", lambda address: address == "127.0.0.1" or is_public(address))

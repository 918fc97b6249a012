"""Models of a hub that a local server plays: the cache first, then one question, then the download, else an error."""

from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from pipeline.core.errors import UserError
from pipeline.core.files import write_text
from pipeline.encoders.common.hub import hub_file, hub_folder

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def hub(httpserver: HTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HTTPServer:
    """A hub without any model, and an empty cache."""
    endpoint = httpserver.url_for("").rstrip("/")
    for name, value in {
        "ENDPOINT": endpoint,
        "HUGGINGFACE_CO_URL_TEMPLATE": endpoint + "/{repo_id}/resolve/{revision}/{filename}",
        "HF_HUB_CACHE": str(tmp_path / "cache"),
        "HF_HUB_OFFLINE": False,
    }.items():
        monkeypatch.setattr(f"huggingface_hub.constants.{name}", value)
    return httpserver


def publish(hub: HTTPServer, filename: str, content: bytes) -> None:
    """Let the hub have one file of the model `lab/model`."""

    def answer(_: Request) -> Response:
        return Response(content, headers={"ETag": f'"{filename}"', "X-Repo-Commit": COMMIT})

    for revision in ("main", COMMIT):
        hub.expect_request(f"/lab/model/resolve/{revision}/{filename}").respond_with_handler(answer)


def cached(cache: Path, *names: str) -> Path:
    """A cache that holds files of the model `lab/model`, each with its name as its content."""
    snapshot = cache / "models--lab--model" / "snapshots" / COMMIT
    for name in names:
        write_text(snapshot / name, name)
    write_text(cache / "models--lab--model" / "refs" / "main", COMMIT)
    return snapshot


def test_a_file_is_fetched_once_and_then_needs_no_network(hub: HTTPServer) -> None:
    publish(hub, "model.safetensors", b"weights")
    assert hub_file("image", "timm:model", "lab/model", "model.safetensors").read_bytes() == b"weights"
    asked = len(hub.log)
    assert asked
    assert hub_file("image", "timm:model", "lab/model", "model.safetensors").read_bytes() == b"weights"
    assert len(hub.log) == asked


def test_a_folder_in_the_cache_needs_no_network(hub: HTTPServer, tmp_path: Path) -> None:
    folder = cached(tmp_path / "cache", "config.json", "model.safetensors", "vocab.txt")
    assert hub_folder("text", "hf:lab/model", "lab/model") == folder
    assert not hub.log


def test_a_folder_without_weights_is_not_taken_from_the_cache(hub: HTTPServer, tmp_path: Path) -> None:
    cached(tmp_path / "cache", "config.json")
    with pytest.raises(UserError, match="cannot be fetched"):
        hub_folder("text", "hf:lab/model", "lab/model")
    assert hub.log


def test_an_error_names_the_model_the_places_and_the_reason(hub: HTTPServer, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="'timm:model' are not here") as caught:
        hub_file("image", "timm:model", "lab/model", "model.safetensors")
    assert all(text in str(caught.value) for text in (str(tmp_path / "cache"), hub.url_for(""), "500", "way out"))


def test_a_hub_that_does_not_answer_is_asked_once(hub: HTTPServer) -> None:
    hub.expect_request("/lab/model/resolve/main/config.json").respond_with_data(status=503)
    with pytest.raises(UserError, match="503"):
        hub_folder("text", "hf:lab/model", "lab/model")
    assert len(hub.log) == 1


def test_a_name_that_no_hub_can_have_is_the_same_error(hub: HTTPServer) -> None:
    with pytest.raises(UserError, match="cannot be fetched"):
        hub_folder("text", "hf:a model", "a model")
    assert not hub.log


def test_the_network_can_be_forbidden(hub: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match="HF_HUB_OFFLINE"):
        hub_file("image", "timm:model", "lab/model", "model.safetensors")
    assert not hub.log

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import Field

from pipeline.core.errors import UserError
from pipeline.core.settings import Params, Seed, check_inputs, check_sections, load_params, machine, read_params


class Small(Params):
    rate: float = Field(gt=0)
    count: int = 3
    source: str = "data/raw/toy/x.tar"


class Seeded(Params):
    rate: float = Field(gt=0)
    seed: Seed = 0


@pytest.fixture
def params(tmp_path: Path) -> Path:
    return tmp_path / "params.yaml"


def test_numbers_are_read_as_dvc_reads_them(params: Path) -> None:
    params.write_text("small:\n  rate: 2e-5\n")
    assert load_params(params, "small", Small) == Small(rate=2e-5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("small: {rate: 1.0, speed: 3}", r"small\.speed: unknown key"),
        ("small: {rate: '1.0'}", r"small\.rate: .*number.*found '1\.0'"),
        ("small: {rate: 1.0, count: 2.5}", r"small\.count: .*integer"),
        ("small: {rate: -1.0}", r"small\.rate: .*greater than 0.*-1\.0"),
        ("small: {count: 2}", r"small\.rate: missing"),
        ("small: 3", r"small: .*found 3"),
        ("other: {}", r"no section 'small'"),
        ("small: [", r"not valid YAML"),
        ("", r"no sections"),
    ],
)
def test_mistakes_are_named(params: Path, text: str, message: str) -> None:
    params.write_text(text)
    with pytest.raises(UserError, match=message):
        load_params(params, "small", Small)


def test_a_mistake_shows_the_way_to_the_list_of_parameters(params: Path) -> None:
    params.write_text("small: {rate: -1.0}")
    with pytest.raises(UserError, match=r"`finealign params small`.*--help.*presets/"):
        load_params(params, "small", Small)


def test_missing_file_and_unknown_section(params: Path) -> None:
    with pytest.raises(UserError, match=r"missing[\s\S]*presets"):
        read_params(params)
    with pytest.raises(UserError, match="Unknown section in the parameters: smal"):
        check_sections({"smal": 1, "inputs": 2}, {"small"}, params)


def test_raw_data_must_be_watched(tmp_path: Path, params: Path) -> None:
    links = "datasets: data/raw/toy, encoders: data/raw/encoders"
    params.write_text(f"inputs: {{{links}, triplets: data/triplets, pretrained: data/raw/pretrained/none}}")
    check_inputs(tmp_path, params, Small(rate=1.0))
    with pytest.raises(UserError, match="starts from the pre-trained model"):
        check_inputs(tmp_path, params, Small(rate=1.0, source="models/pretrained"))
    with pytest.raises(UserError, match="outside the input folders"):
        check_inputs(tmp_path, params, Small(rate=1.0, source="data/raw/toyota/x.tar"))
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "deep").mkdir(parents=True)
    (tmp_path / "data/raw").mkdir(parents=True)
    (tmp_path / "data/raw/toy").symlink_to(elsewhere)
    check_inputs(tmp_path, params, Small(rate=1.0))
    (elsewhere / "linked").symlink_to(elsewhere / "deep")
    with pytest.raises(UserError, match="does not look behind it"):
        check_inputs(tmp_path, params, Small(rate=1.0, source="data/raw/toy/linked/x.tar"))


def test_machine_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINEALIGN_DEVICE", "cuda:1")
    monkeypatch.setenv("FINEALIGN_WORKERS", "3")
    assert (machine().device, machine().workers) == ("cuda:1", 3)
    monkeypatch.setenv("FINEALIGN_WORKERS", "none")
    with pytest.raises(UserError, match="FINEALIGN_WORKERS"):
        machine()


HOSTILE = {
    "huge seed": "small: {rate: 1.0, seed: 1" + "0" * 29 + "}",
    "huge hexadecimal seed": "small: {rate: 1.0, seed: 0x" + "F" * 6000 + "}",
    "number without end": "small: {rate: 1.0, seed: " + "9" * 6000 + "}",
    "brackets": "small: " + "[" * 5000 + "]" * 5000,
    "aliases": "a: &a [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1 or ''}, *a{n - 1 or ''}]\n" for n in range(1, 40)),
    "no date": "small: {rate: 2024-13-45}",
    "not UTF-8": b"small: {source: \xff\xfe\xfd}",
    "NUL": b"small: {source: a\x00b}",
    "too long": "small: {source: " + "x" * 1_100_000 + "}",
    "empty section": "small:",
    "empty section beside others": "small: null\nother: {rate: 1.0}",
    "text for a section": "small: rate",
    "list for a section": "small: [1.0]",
    "false for a section": "small: false",
    "many unknown keys": "small: {" + ", ".join(f"key{n}: 1" for n in range(2000)) + "}",
    "duplicate key": "small: {rate: 1.0, rate: 2.0}",
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_no_content_of_the_file_is_a_traceback(params: Path, content: str | bytes) -> None:
    params.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError) as error:
        load_params(params, "small", Seeded)
    assert str(params) in error.value.where
    assert len(str(error.value)) < 6000


def test_a_message_names_file_and_key(params: Path) -> None:
    params.write_text("small: {rate: 1.0, seed: -1}")
    with pytest.raises(UserError) as error:
        load_params(params, "small", Seeded)
    assert error.value.where == f"{params}: small.seed"
    params.write_text("small:\nother: {}")
    with pytest.raises(UserError, match="section 'small' of the parameters is empty"):
        load_params(params, "small", Seeded)


def test_a_section_may_say_that_it_is_empty(params: Path) -> None:
    class Optional(Params):
        count: int = 3

    params.write_text("small: {}")
    assert load_params(params, "small", Optional) == Optional()


def test_a_parameter_file_that_is_not_to_be_read(params: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    params.write_text("small: {rate: 1.0}")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(params))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(UserError, match="cannot be read") as error:
        load_params(params, "small", Seeded)
    assert error.value.found == "Permission denied"


def test_a_reader_may_change_what_it_got(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text("a: {b: [1]}\n", encoding="utf-8")
    read_params(file)["a"]["b"].append(2)
    assert read_params(file) == {"a": {"b": [1]}}
    file.write_text("a: {b: [3]}\n", encoding="utf-8")
    assert read_params(file) == {"a": {"b": [3]}}

"""bfloat16 where the device has it, float32 where it would be emulated."""

import pytest
import torch

from pipeline.execution import precision
from pipeline.execution.precision import autocast, has_bfloat16

CPU = torch.device("cpu")


def product_type(asked: precision.Precision) -> torch.dtype:
    """The type in which a matrix product is computed."""
    with autocast(asked, CPU):
        return (torch.ones(2, 2) @ torch.ones(2, 2)).dtype


def test_a_processor_with_bfloat16_uses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "has_bfloat16", lambda _: True)
    assert product_type("bfloat16") == torch.bfloat16
    assert product_type("float32") == torch.float32


def test_a_processor_without_it_computes_in_float32_and_says_so_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(precision, "has_bfloat16", lambda _: False)
    precision.tell_of_float32.cache_clear()
    assert product_type("float32") == torch.float32
    assert capsys.readouterr().out == ""
    assert [product_type("bfloat16"), product_type("bfloat16")] == [torch.float32] * 2
    assert capsys.readouterr().out == "This processor has no bfloat16 arithmetic; float32 takes its place.\n"


def test_an_accelerator_is_taken_to_have_it() -> None:
    assert has_bfloat16("cuda")
    assert has_bfloat16("mps")
    assert has_bfloat16("cpu") in (True, False)

"""Every loss beside a slow version written from its formula."""

import doctest
import math
from importlib import import_module
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from pipeline.alignment import losses
from pipeline.alignment.losses.contrastive_distillation import contrastive_distillation
from pipeline.alignment.losses.kl_divergence import kl_divergence
from pipeline.alignment.losses.region_contrast import region_contrast
from pipeline.alignment.losses.squared_error import squared_error
from pipeline.alignment.losses.statement_contrast import statement_contrast
from pipeline.training.contrastive import Scale, info_nce

LOSSES = sorted(path.stem for path in Path(losses.__file__).parent.glob("[a-z]*.py"))


def unit(*shape: int, seed: int) -> Tensor:
    vectors = torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return functional.normalize(vectors, dim=-1)


def one_against(positive: float, negatives: list[float]) -> float:
    return -math.log(math.exp(positive) / (math.exp(positive) + sum(map(math.exp, negatives))))


def positive_pairs(image_group: Tensor, text_group: Tensor) -> Tensor:
    """[images, texts] bool: True where a text describes the image, i.e. their groups are equal."""
    return image_group[:, None] == text_group[None, :]


def slow_direction(logits: list[list[float]], positive: list[list[bool]]) -> float:
    rows = []
    for row, marks in zip(logits, positive, strict=True):
        negatives = [value for value, mark in zip(row, marks, strict=True) if not mark]
        losses = [one_against(value, negatives) for value, mark in zip(row, marks, strict=True) if mark]
        if losses:
            rows.append(sum(losses) / len(losses))
    return sum(rows) / len(rows) if rows else 0.0


@pytest.mark.parametrize("loss", LOSSES)
def test_examples_in_docstrings_are_true(loss: str) -> None:
    results = doctest.testmod(import_module(f"pipeline.alignment.losses.{loss}"))
    assert results.attempted and not results.failed


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 5), st.integers(1, 3), st.integers(0, 999))
def test_info_nce_is_the_formula(images: int, texts: int, seed: int) -> None:
    group = torch.randint(0, images, (images,), generator=torch.Generator().manual_seed(seed))
    u, v = unit(images, 8, seed=seed), unit(images * texts, 8, seed=seed + 1)
    positive = positive_pairs(group, group.repeat_interleave(texts))
    scale = torch.tensor(7.0, dtype=torch.float64)
    logits = (scale * u @ v.T).tolist()
    columns = [list(row) for row in zip(*logits, strict=True)]
    marks = positive.tolist()
    turned = [list(row) for row in zip(*marks, strict=True)]
    expected = slow_direction(logits, marks) + slow_direction(columns, turned)
    assert float(info_nce(u, v, positive, scale)) == pytest.approx(expected / 2, abs=1e-9)


def test_info_nce_with_single_positives_is_clips_loss() -> None:
    u, v = unit(6, 8, seed=1), unit(6, 8, seed=2)
    scale = torch.tensor(14.0, dtype=torch.float64)
    logits, labels = scale * u @ v.T, torch.arange(6)
    expected = (functional.cross_entropy(logits, labels) + functional.cross_entropy(logits.T, labels)) / 2
    assert torch.allclose(info_nce(u, v, torch.eye(6, dtype=torch.bool), scale), expected)


def test_a_second_caption_of_the_same_image_is_no_negative() -> None:
    u = unit(2, 8, seed=3)
    v = torch.cat([u, u])[[0, 2, 1, 3]]
    positive = positive_pairs(torch.arange(2), torch.tensor([0, 0, 1, 1]))
    assert float(info_nce(u, v, positive, torch.tensor(100.0, dtype=torch.float64))) < 1e-6


def test_info_nce_has_finite_gradients_without_negatives() -> None:
    u = unit(2, 4, seed=5).requires_grad_()
    loss = info_nce(u, unit(2, 4, seed=6), torch.ones(2, 2, dtype=torch.bool), torch.tensor(10.0))
    loss.backward()
    assert float(loss.detach()) == 0.0 and u.grad is not None and bool(u.grad.isfinite().all())


def test_scale_is_trained_or_fixed_and_clamped() -> None:
    trained, fixed = Scale(0.07), Scale(0.07, trained=False)
    assert float(trained().detach()) == pytest.approx(1 / 0.07, rel=1e-5)
    assert len(list(trained.parameters())) == 1 and not list(fixed.parameters())
    assert "log_scale" in fixed.state_dict()
    with torch.no_grad():
        trained.log_scale.fill_(9.0)
    trained.clamp()
    assert float(trained().detach()) == pytest.approx(100.0, rel=1e-5)


def test_contrastive_distillation_masks_every_picture_of_the_same_image() -> None:
    student, teacher, bank = unit(4, 6, seed=1), unit(3, 6, seed=2), unit(5, 6, seed=3)
    student_group, teacher_group = torch.tensor([0, 0, 1, 2]), torch.tensor([0, 1, 2])
    bank_group = torch.tensor([2, 7, 0, 8, 1])
    scale = torch.tensor(5.0, dtype=torch.float64)
    found = contrastive_distillation(student, student_group, teacher, teacher_group, bank, bank_group, scale)
    expected = []
    for s, group in zip(student, student_group.tolist(), strict=True):
        own = [float(scale * s @ t) for t, g in zip(teacher, teacher_group.tolist(), strict=True) if g == group]
        other = [float(scale * s @ t) for t, g in zip(teacher, teacher_group.tolist(), strict=True) if g != group]
        other += [float(scale * s @ t) for t, g in zip(bank, bank_group.tolist(), strict=True) if g != group]
        expected.append(sum(one_against(value, other) for value in own) / len(own))
    assert float(found) == pytest.approx(sum(expected) / len(expected))


def test_squared_error_is_two_minus_two_cosines() -> None:
    a, b = unit(5, 6, seed=1), unit(5, 6, seed=2)
    slow = sum(
        sum((x - y) ** 2 for x, y in zip(p, q, strict=True)) for p, q in zip(a.tolist(), b.tolist(), strict=True)
    )
    assert float(squared_error(a, b)) == pytest.approx(slow / 5)
    assert float(squared_error(a, b)) == pytest.approx(float((2 - 2 * (a * b).sum(1)).mean()))


def distributions(rows: int, classes: int, seed: int) -> Tensor:
    """Probabilities [rows, classes], the first class of every row being impossible."""
    logits = 3 * torch.randn(rows, classes, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    logits[:, 0] = -torch.inf
    return logits.softmax(dim=1)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 4), st.integers(2, 6), st.integers(0, 999))
def test_kl_divergence_is_the_formula(rows: int, classes: int, seed: int) -> None:
    teacher, logits = distributions(rows, classes, seed), 5 * unit(rows, classes, seed=seed)
    expected = 0.0
    for p, z in zip(teacher.tolist(), logits.tolist(), strict=True):
        total = sum(map(math.exp, z))
        expected += sum(a * (math.log(a) - math.log(math.exp(b) / total)) for a, b in zip(p, z, strict=True) if a > 0)
    assert float(kl_divergence(logits, teacher)) == pytest.approx(expected / rows, abs=1e-9)


def test_kl_divergence_pulls_the_students_probabilities_to_the_teachers() -> None:
    teacher, logits = distributions(4, 5, seed=1), unit(4, 5, seed=2).requires_grad_()
    assert torch.autograd.gradcheck(lambda student: kl_divergence(student, teacher), (logits,))
    (gradient,) = torch.autograd.grad(kl_divergence(logits, teacher), logits)
    torch.testing.assert_close(gradient, (logits.detach().softmax(dim=1) - teacher) / 4)


def test_kl_divergence_is_zero_for_the_teacher_itself_even_as_it_is_stored() -> None:
    stored = (3 * unit(6, 50, seed=3)).softmax(dim=1).half().double()
    assert bool((stored.sum(dim=1) != 1).any())
    logits = stored.log().requires_grad_()
    loss = kl_divergence(logits, stored)
    (gradient,) = torch.autograd.grad(loss, logits)
    assert float(loss.detach()) == pytest.approx(0.0, abs=1e-12) and float(gradient.abs().max()) < 1e-12
    assert float(kl_divergence(logits.detach() + unit(6, 50, seed=4), stored)) > 1e-4


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 3), st.integers(2, 4), st.integers(0, 999))
def test_region_contrast_is_the_formula(images: int, regions: int, seed: int) -> None:
    r, p = unit(images, regions, 6, seed=seed), unit(images, regions, 6, seed=seed + 1)
    ids = torch.randint(-1, 3, (images, regions), generator=torch.Generator().manual_seed(seed))
    scale = torch.tensor(4.0, dtype=torch.float64)
    by_region, by_phrase = [], []
    for image in range(images):
        for a in range(regions):
            rivals = [b for b in range(regions) if ids[image, b] >= 0 and ids[image, b] != ids[image, a]]
            if ids[image, a] < 0 or not rivals:
                continue
            own = float(scale * r[image, a] @ p[image, a])
            by_region.append(one_against(own, [float(scale * r[image, a] @ p[image, b]) for b in rivals]))
            by_phrase.append(one_against(own, [float(scale * r[image, b] @ p[image, a]) for b in rivals]))
    expected = (sum(by_region) + sum(by_phrase)) / 2 / max(1, len(by_region))
    assert float(region_contrast(r, p, ids, scale)) == pytest.approx(expected, abs=1e-9)


def test_statement_contrast_is_the_formula_and_ignores_absent_copies() -> None:
    right = torch.tensor([[0.3, 0.1], [0.2, 0.0]], dtype=torch.float64)
    wrong = torch.tensor([[[0.2, 0.9], [0.1, 0.4]], [[0.5, 0.5], [0.0, 0.0]]], dtype=torch.float64)
    real = torch.tensor([[[True, False], [True, True]], [[False, False], [False, False]]])
    scale = torch.tensor(10.0, dtype=torch.float64)
    expected = (one_against(3.0, [2.0]) + one_against(1.0, [1.0, 4.0])) / 2
    assert float(statement_contrast(right, wrong, real, scale)) == pytest.approx(expected)
    assert float(statement_contrast(right, wrong, torch.zeros_like(real), scale)) == 0.0

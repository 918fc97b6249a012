"""Scenes: reproducible, separate by group, sound in space, with families that differ in one attribute."""

from dataclasses import asdict

import pytest

from pipeline.core.errors import UserError
from pipeline.toyworld.world.attributes import ATTRIBUTES
from pipeline.toyworld.world.scenes import (
    BLOCK,
    FAMILY_SIZE,
    GROUPS,
    MAX_THINGS,
    MIN_THINGS,
    Scene,
    content,
    draw_scene,
    group_of,
    scene_of,
    url,
)

EACH = 400


@pytest.fixture(scope="module")
def scenes() -> dict[str, list[Scene]]:
    return {group: [draw_scene(5, group, index) for index in range(EACH)] for group in GROUPS}


def test_a_url_names_its_scene(scenes: dict[str, list[Scene]]) -> None:
    for group in GROUPS:
        for scene in scenes[group][:40]:
            assert scene_of(url(scene)) == scene


@pytest.mark.parametrize("address", ["", "toyworld://1/pairs", "toyworld://1/unknown/3", "http://a/b.jpg"])
def test_other_addresses_are_refused(address: str) -> None:
    with pytest.raises(UserError, match="toy-world"):
        scene_of(address)


def test_no_content_occurs_in_two_groups(scenes: dict[str, list[Scene]]) -> None:
    contents = {group: {content(scene.things) for scene in scenes[group]} for group in GROUPS}
    for group in GROUPS:
        assert len(contents[group]) > EACH / 2
        for other in GROUPS:
            assert group == other or not contents[group] & contents[other]


def test_a_content_belongs_to_one_group_whatever_the_seed() -> None:
    for seed in range(3):
        for group in GROUPS:
            for index in range(20):
                assert group_of(draw_scene(seed, group, index).things) == group


def test_content_is_blind_to_order_and_place(scenes: dict[str, list[Scene]]) -> None:
    for scene in scenes["pairs"]:
        assert content(scene.things) == content(scene.things[::-1])


def test_things_lie_inside_the_picture_and_apart(scenes: dict[str, list[Scene]]) -> None:
    for scene in (scene for group in GROUPS for scene in scenes[group]):
        assert MIN_THINGS <= len(scene.things) <= MAX_THINGS
        for i, thing in enumerate(scene.things):
            assert min(thing.box) >= 0
            assert max(thing.box) <= 1
            for other in scene.things[:i]:
                reach = (thing.width + other.width) / 2
                assert max(abs(thing.x - other.x), abs(thing.y - other.y)) >= reach - 1e-9


def test_all_values_occur_about_equally(scenes: dict[str, list[Scene]]) -> None:
    things = [thing for group in GROUPS for scene in scenes[group] for thing in scene.things]
    for attribute in ("shape", "colour", "pattern"):
        for value in ATTRIBUTES[attribute]:
            share = sum(getattr(t, attribute) == value for t in things) / len(things)
            assert abs(share * len(ATTRIBUTES[attribute]) - 1) < 0.25


def test_family_members_differ_from_the_first_in_one_attribute_of_one_thing(
    scenes: dict[str, list[Scene]],
) -> None:
    for first in range(0, EACH, BLOCK):
        base, *members = scenes["benchmark"][first : first + FAMILY_SIZE]
        assert len({scene.things for scene in (base, *members)}) == FAMILY_SIZE
        for member in members:
            assert member.background == base.background
            changed = [(a, b) for a, b in zip(base.things, member.things, strict=True) if a != b]
            assert len(changed) == 1
            before, after = (asdict(thing) for thing in changed[0])
            differing = {name for name in before if before[name] != after[name]}
            assert differing <= {"x", "y"} or len(differing - {"width"}) == 1

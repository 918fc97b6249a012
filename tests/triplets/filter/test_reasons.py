"""Every reason has a sentence and a step."""

from typing import get_args

from pipeline.triplets.filter.reasons import CAPTION_STEPS, DESCRIPTIONS, QA_STEPS, Reason


def test_every_reason_has_a_sentence_and_belongs_to_a_step():
    in_steps = {reason for steps in (QA_STEPS, CAPTION_STEPS) for names in steps.values() for reason in names}
    assert in_steps == DESCRIPTIONS.keys() == set(get_args(Reason))
    assert all(text.endswith(".") for text in DESCRIPTIONS.values())

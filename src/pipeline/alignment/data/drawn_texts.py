"""Which texts of an image are drawn for a sample: captions, synthetic captions, region phrases and statements.

An alt-text says little, and not always the truth; region captions and answered questions say much about one thing
each. Two ways bring them in:

- as *synthetic captions* (`synthetic_captions/`), which stand in for captions in the contrastive loss;
- alone, in losses of their own: regions against phrases, and right against wrong answers.

Texts that are made of others are made when they are drawn, from the sample's own generator, and for the images of one
batch alone: nothing is prepared for all images, and an image that comes again has other texts.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from pipeline.alignment.data.statements.convert import statement
from pipeline.alignment.data.synthetic_captions.draw import SyntheticCaptions
from pipeline.alignment.data.text_table import ImageTexts
from pipeline.alignment.data.wrong_answers.draw import WrongAnswers
from pipeline.alignment.params import ContrastiveParams, QuestionParams
from pipeline.tables.questions import lowered


def draw_captions(texts: ImageTexts, number: int, params: ContrastiveParams, rng: np.random.Generator) -> list[str]:
    """`number` texts of the whole image: each synthetic with `synthetic_caption_prob`, else a caption.

    An image that lacks one of the two gets the other. No caption comes twice before every one has come once.
    """
    wanted = (rng.random(number) < params.synthetic_caption_prob).tolist()
    composer = SyntheticCaptions(texts.regions, texts.asked) if params.synthetic_caption_prob else None
    order: list[int] = []
    drawn = []
    for synthetic in wanted:
        composed = composer.draw(params, rng) if composer and (synthetic or not texts.captions) else None
        if composed is None:
            order = order or rng.permutation(len(texts.captions)).tolist()
            composed = texts.captions[order.pop()]
        drawn.append(composed)
    return drawn


def draw_statements(
    texts: ImageTexts, wrong: WrongAnswers, params: QuestionParams, rng: np.random.Generator
) -> list[tuple[str, list[str]]]:
    """At most `per_image` distinct statements, each with at most `wrong_answers` wrong copies of it.

    No copy is a true statement of the image.
    """
    right: dict[str, set[str]] = defaultdict(set)
    for question, answer in texts.asked:
        right[question].add(lowered(answer))
    statements = [statement(question, answer) for question, answer in texts.asked]
    true, drawn = set(statements), dict[str, list[str]]()
    for row in rng.permutation(len(statements)).tolist():
        if len(drawn) == params.per_image:
            break
        if statements[row] not in drawn:
            question = texts.asked[row][0]
            answers = wrong.draw(question, right[question], params.wrong_answers, rng)
            copies = dict.fromkeys(statement(question, answer) for answer in answers)
            drawn[statements[row]] = [copy for copy in copies if copy not in true]
    return list(drawn.items())

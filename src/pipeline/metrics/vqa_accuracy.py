"""The official VQA accuracy, with its normalisation.

An answer is compared with ten (or fewer) human answers. For each of them in turn, the answer scores
min(1, number of equal answers among the *others* / 3); the accuracy is the mean of these scores (Antol et al. 2015,
section 5; reference: GT-Vision-Lab/VQA, vqaEval.py). Both sides are normalised only if the human answers are not
all alike. Normalisation, in this order:

1. punctuation: each sign is deleted if somewhere it stands beside a space, or if the text has a comma between
   digits; otherwise it becomes a space;
2. periods that no digit follows are deleted;
3. lower case, number words to digits, articles dropped, apostrophes put back into contractions.

Two quirks of the official regular expressions are kept, because published results contain them: the look-behind of
the period rule is misspelt (`(?!<=\\d)`), so a digit *before* a period does not protect it; and `re.UNICODE` is
passed where the count belongs, so only the first 32 periods go.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

PUNCTUATION = ';/[]"{}()=+\\_-><@`,?!'
PERIOD = re.compile(r"(?!<=\d)(\.)(?!\d)")
PERIODS_REMOVED = int(re.UNICODE)
COMMA_IN_NUMBER = re.compile(r"\d,\d")
ARTICLES = frozenset(("a", "an", "the"))
NUMBERS = {"none": "0"} | {
    word: str(number)
    for number, word in enumerate(
        ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    )
}
CONTRACTED = """
ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've hasn't haven't he'd he'd've
he's how'd how'll how's isn't it'd it'd've it'll ma'am mightn't mightn't've might've mustn't must've needn't not've
o'clock oughtn't 'ow's'at shan't she'd've should've shouldn't shouldn't've somebody'd've somebody'll somebody's
someone'd someone'd've someone'll someone's something'd something'd've something'll that's there'd there'd've
there're there's they'd they'd've they'll they're they've 'twas wasn't we'd've we've weren't what'll what're what's
what've when's where'd where's where've who'd who'd've who'll who's who've why'll why're why's won't would've
wouldn't wouldn't've y'all y'all'll y'all'd've you'd you'd've you'll you're you've
""".split()  # noqa: SIM905


def without_one_apostrophe(word: str) -> list[str]:
    """The spellings of a contraction that lack exactly one of its apostrophes."""
    return [word[:index] + word[index + 1 :] for index, letter in enumerate(word) if letter == "'"]


# The last entry is the official table's own slip, kept for parity.
CONTRACTIONS = {short: word for word in CONTRACTED for short in without_one_apostrophe(word)} | {
    "somebody'd": "somebodyd"
}


def strip_punctuation(text: str) -> str:
    """Steps 1 and 2 of the normalisation."""
    stripped = text
    has_number_comma = COMMA_IN_NUMBER.search(text) is not None
    for sign in PUNCTUATION:
        beside_space = f"{sign} " in text or f" {sign}" in text
        stripped = stripped.replace(sign, "" if beside_space or has_number_comma else " ")
    return PERIOD.sub("", stripped, count=PERIODS_REMOVED)


def normalise_answer(text: str) -> str:
    """A text after all steps of the official normalisation."""
    words = [NUMBERS.get(word, word) for word in strip_punctuation(text).lower().split()]
    return " ".join(CONTRACTIONS.get(word, word) for word in words if word not in ARTICLES)


def vqa_accuracy(answer: str, references: Sequence[str]) -> float:
    """Official accuracy of one answer, in [0, 1]. Raises ValueError without references.

    With a single reference (most data sets but VQA) the official rule would give 0 to everyone, as there is no
    other to agree with; then the reference counts as if ten people had given it.
    """
    if not references:
        raise ValueError("an accuracy needs at least one reference answer")
    if len(references) == 1:
        references = [*references] * 10
    answer, *references = (plain_spaces(text) for text in (answer, *references))
    if len(set(references)) > 1:
        answer, *references = (normalise_answer(text) for text in (answer, *references))
    matches = sum(reference == answer for reference in references)
    scores = (min(1.0, (matches - (reference == answer)) / 3) for reference in references)
    return sum(scores) / len(references)


def plain_spaces(text: str) -> str:
    """Line breaks and tabs to spaces, none at the ends."""
    return text.replace("\n", " ").replace("\t", " ").strip()

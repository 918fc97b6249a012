"""A question with its answer as a statement: "what color is the car?" with "red" becomes "the car is red".

A statement is a text of the form that captions have, which the text encoder knows. Rules by the question's first
words (`rules/`) put the answer where the question asks for it, give it an article, and the verb its number:

    wh.py        what, who, which      the answer is what is on the table, what the man holds, what this is
                                       (`filling`: where it stands; `attributes`: colours; `nouns`: what animal)
    counts.py    how                   the number stands before what is counted, the verb agrees with it
    places.py    where                 the answer gets the preposition that it lacks
    yes_no.py    is, are, does, can …  subject and verb change places; no denies the verb, or a subject like "anyone"

`phrases/clauses.py` finds where the subject ends, by lists of words alone; `phrases/answers.py` tells nouns that take
an article from substances, plurals, adjectives and verbs. A question that fits no rule, or whose parts cannot be told
apart, stays a question with its answer behind it ("why is she smiling? birthday"), which is true of the image too.
"""

from __future__ import annotations

import re
from itertools import groupby

from pipeline.alignment.data.statements.phrases import word_lists as w
from pipeline.alignment.data.statements.rules.counts import counted, measured
from pipeline.alignment.data.statements.rules.places import where
from pipeline.alignment.data.statements.rules.wh import wh_statement
from pipeline.alignment.data.statements.rules.yes_no import choice_statement, yes_no_statement
from pipeline.tables.questions import YES_NO, lowered

REASONS = ("to", "for", "because", "so")
CONTRACTIONS = (("what's", "what is"), ("who's", "who is"), ("where's", "where is"), ("how's", "how is"))
PREFIX = re.compile(r"(?:(?:about|approximately|roughly|around|exactly|and) )(?=how|what)")
OPTIONS = re.compile(
    r"^((?:what|which|who|where|how) .+), (?:(?:the|an?) )?\w+(?: \w+)?,? or (?:(?:the|an?) )?\w+(?: \w+)?$"
)
"""Things to choose from at the end of a question that begins with a question word."""
WORD = re.compile(r"[a-z0-9][a-z0-9'’:./%$&-]*")


def statement(question: str, answer: str) -> str:
    """The question and its answer as one text in lower case, without a question mark where a rule fits."""
    found = converted(question, answer)
    if found is not None:
        return found
    return f"{lowered(question).rstrip('?').strip()}? {lowered(answer)}".strip()


def converted(question: str, answer: str) -> str | None:
    """The statement that a rule makes of a question and its answer; None if no rule fits."""
    asked, said = asked_words(question), answer_text(answer)
    found = by_rule(asked, said) if len(asked) > 1 and said else None
    return None if found is None or (found.endswith(" of") and asked[-1] == "of") else found


def by_rule(asked: list[str], said: str) -> str | None:
    """The statement that the rules of the question's opening make, given its words."""
    if said in YES_NO:
        return yes_no_statement(asked, said == "yes") if asked[0] in w.AUXILIARIES else None
    if said in w.NO_STATEMENT:
        return None
    if asked[0] in w.AUXILIARIES:
        return choice_statement(asked, said)
    if asked[:3] == ["what", "number", "of"]:
        return counted(asked[3:], said)
    if asked[0] in ("what", "who", "which"):
        return wh_statement(asked, said)
    if asked[0] == "why" and asked[1] in w.AUXILIARIES and said.split()[0] in REASONS:
        told = yes_no_statement(asked[1:], yes=True)
        return told and f"{told} {said}"
    if asked[0] == "where":
        return where(asked[1:], said)
    if asked[:2] == ["how", "many"]:
        return counted(asked[2:], said)
    return measured(asked[1:], said) if asked[0] == "how" else None


def asked_words(question: str) -> list[str]:
    """The words of a question in lower case; none if it is more than one sentence, or has other signs than words."""
    text = OPTIONS.sub(r"\1", PREFIX.sub("", lowered(question).rstrip("?. ").replace(" ?", ""))).replace(",", " ")
    for short, long in CONTRACTIONS:
        text = re.sub(rf"^{short}\b", long, text)
    words = [word for word, _ in groupby(text.split())]
    return words if all(WORD.fullmatch(word) for word in words) else []


def answer_text(answer: str) -> str:
    """An answer in lower case without closing signs; empty if it has other signs than words."""
    text = lowered(answer).rstrip(".!? ")
    words = text.replace(",", " ").split()
    return text if all(WORD.fullmatch(word) for word in words) else ""

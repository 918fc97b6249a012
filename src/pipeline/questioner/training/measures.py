"""Figures of generator and filter on held-out annotations, as percentages.

Questions: official VQA accuracy, and plain equality with the most frequent reference, over all and by question type
and answer type; beside them the same of a blind answerer, which never sees the image: it gives the answer that was
most frequent in training for the same question, else for the same question type, else over all.

Region captions: CIDEr-D against the phrases of the same box, and the share that equals one of them word for word.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from pipeline.metrics.cider import cider
from pipeline.metrics.vqa_accuracy import vqa_accuracy
from pipeline.tables.questions import detokenised, majority, plain_text


class BlindAnswerer:
    """The most frequent training answers; of equally frequent ones the one that came first."""

    def __init__(self, questions: pa.Table) -> None:
        self.by_question: dict[str, Counter[str]] = defaultdict(Counter)
        self.by_type: dict[str, Counter[str]] = defaultdict(Counter)
        self.all: Counter[str] = Counter()
        columns = (questions[name].to_pylist() for name in ("question", "question_type", "answers"))
        for question, kind, answers in zip(*columns, strict=True):
            usual = majority(map(plain_text, answers))
            for counter in (self.by_question[plain_text(question)], self.by_type[kind], self.all):
                counter[usual] += 1

    def answer(self, question: str, question_type: str) -> str:
        """The answer without looking; empty if there was no training question."""
        for counter in (self.by_question.get(plain_text(question)), self.by_type.get(question_type), self.all):
            if counter:
                return counter.most_common(1)[0][0]
        return ""


def question_figures(questions: pa.Table, answers: Sequence[str], blind: BlindAnswerer) -> dict[str, Any]:
    """Accuracies over questions, by question type and by answer type."""
    rows = questions.select(["question", "question_type", "answer_type", "answers"]).to_pylist()
    groups: dict[tuple[str, str], list[dict[str, float]]] = defaultdict(list)
    for row, answer in zip(rows, answers, strict=True):
        unseen = blind.answer(row["question"], row["question_type"])
        references = [plain_text(text) for text in row["answers"]]
        scores = {
            "vqa_accuracy": vqa_accuracy(answer, references),
            "exact": float(same(answer, majority(references))),
            "blind_exact": float(same(unseen, majority(references))),
        }
        for group in (("all", ""), ("question_type", row["question_type"]), ("answer_type", row["answer_type"])):
            groups[group].append(scores)
    return {
        **means(groups.get(("all", ""), [])),
        **{
            f"by_{column}": {name: means(groups[column, name]) for kind, name in sorted(groups) if kind == column}
            for column in ("question_type", "answer_type")
        },
    }


def means(scores: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Number of questions, and the mean of each score in percent."""
    names = scores[0] if scores else {}
    return {"questions": len(scores)} | {
        name: round(100 * sum(score[name] for score in scores) / len(scores), 2) for name in names
    }


def caption_figures(regions: pa.Table, captions: Sequence[str]) -> dict[str, Any]:
    """CIDEr-D of captions (times 100), and the share that say a phrase of their box word for word."""
    rows = regions.select(["image", "box", "phrase"]).to_pylist()
    phrases: dict[tuple[int, tuple[float, ...]], set[str]] = defaultdict(set)
    for row in rows:
        phrases[row["image"], tuple(row["box"])].add(respelled(row["phrase"]))
    if not rows:
        return {"regions": 0}
    written = [respelled(caption) for caption in captions]
    references = [sorted(phrases[row["image"], tuple(row["box"])]) for row in rows]
    right = sum(caption in own for caption, own in zip(written, references, strict=True))
    return {
        "regions": len(rows),
        "exact": round(100 * right / len(rows), 2),
        "cider": round(cider(written, references), 2),
    }


def same(answer: str, reference: str) -> bool:
    """Plain equality of texts, whatever the spaces around punctuation."""
    return respelled(answer) == respelled(reference)


def respelled(text: str) -> str:
    """A text as the questioner would write it."""
    return detokenised(" ".join(plain_text(text).replace("-", " - ").replace("'", " ' ").split()))

"""Metrics of generated answers and region captions against the annotators', in percent.

Answers: official VQA accuracy, and plain equality with the majority reference, over all and by question type and answer
type; beside them the same of the most frequent answer, which never sees the image (`blind_exact`).

Region captions: CIDEr-D against the phrases of the same box, and the share that equals one of them word for word.

Captions of whole images: CIDEr-D and BLEU-4 against all of the image's captions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.metrics.cider import cider
from pipeline.metrics.question_only import MostFrequentAnswer
from pipeline.metrics.vqa_accuracy import vqa_accuracy
from pipeline.tables.questions import detokenised, majority, plain_text


def answer_metrics(
    questions: Sequence[Mapping[str, Any]], answers: Sequence[str], baseline: MostFrequentAnswer
) -> dict[str, Any]:
    """Accuracies over questions, by question type and by answer type.

    questions: with question, question_type, answer_type and answers (the references); answers: one of each.
    """
    groups: dict[tuple[str, str], list[dict[str, float]]] = defaultdict(list)
    for row, answer in zip(questions, answers, strict=True):
        references = [plain_text(text) for text in row["answers"]]
        guess = baseline.answer(row["question"], row["question_type"])
        scores = {
            "vqa_accuracy": vqa_accuracy(answer, references),
            "exact": float(same(answer, majority(references))),
            "blind_exact": float(same(guess, majority(references))),
        }
        for group in (("all", ""), ("question_type", row["question_type"]), ("answer_type", row["answer_type"])):
            groups[group].append(scores)
    return {
        **means(groups.get(("all", ""), [])),
        **{
            f"by_{column}": {name: means(groups[column, name]) for of, name in sorted(groups) if of == column}
            for column in ("question_type", "answer_type")
        },
    }


def means(scores: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Number of questions, and the mean of each score in percent."""
    names = scores[0] if scores else {}
    return {"questions": len(scores)} | {
        name: round(100 * sum(score[name] for score in scores) / len(scores), 2) for name in names
    }


def caption_metrics(regions: Sequence[Mapping[str, Any]], captions: Sequence[str]) -> dict[str, Any]:
    """CIDEr-D of captions (times 100), and the share that say a phrase of their box word for word.

    regions: with image, box and phrase; captions: one of each. Phrases of one image's equal boxes count together.
    """
    if not regions:
        return {"regions": 0}
    phrases: dict[tuple[int, tuple[float, ...]], set[str]] = defaultdict(set)
    for row in regions:
        phrases[row["image"], tuple(row["box"])].add(respelled(row["phrase"]))
    candidates = [respelled(caption) for caption in captions]
    references = [sorted(phrases[row["image"], tuple(row["box"])]) for row in regions]
    right = sum(caption in of_box for caption, of_box in zip(candidates, references, strict=True))
    return {
        "regions": len(regions),
        "exact": round(100 * right / len(regions), 2),
        "cider": round(cider(candidates, references), 2),
    }


def image_caption_metrics(captions: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, Any]:
    """CIDEr-D (times 100) and BLEU-4 (in percent) of captions of whole images.

    references: those of each caption, at least one each. BLEU is the corpus's, with the closest reference's length
    (Papineni et al. 2002), as COCO's tool computes it.
    """
    from sacrebleu import corpus_bleu

    if not captions:
        return {"images": 0}
    candidates = [respelled(caption) for caption in captions]
    wanted = [[respelled(text) for text in texts] for texts in references]
    most = max(len(texts) for texts in wanted)
    # A reference that is repeated changes nothing, and the tool wants equally many of each caption.
    streams = [[texts[min(number, len(texts) - 1)] for texts in wanted] for number in range(most)]
    bleu = corpus_bleu(candidates, streams, smooth_method="none", tokenize="none", force=True)
    return {
        "images": len(captions),
        "cider": round(cider(candidates, wanted), 2),
        "bleu4": round(bleu.score, 2),
    }


def same(answer: str, reference: str) -> bool:
    """Plain equality of texts, whatever the spaces around punctuation."""
    return respelled(answer) == respelled(reference)


def respelled(text: str) -> str:
    """A text as the questioner would write it."""
    return detokenised(" ".join(plain_text(text).replace("-", " - ").replace("'", " ' ").split()))

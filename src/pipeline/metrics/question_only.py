"""Question-only baselines: how many answers can be guessed without seeing the image?

A data set whose answers can be guessed from the question alone teaches a model little about images. There are two
baselines, for two uses:

- `NaiveBayesAnswer` guesses for *generated* questions (`blind_accuracy`). Generated questions have many wordings and no
  training split, so it generalises over wordings, and is cross-validated: it is fitted on the questions of one half of
  the images and scored on the other half, both ways round. A question seen in the other half gets the answer most often
  given to it; any other the best guess of a multinomial naive Bayes classifier over the question's words and pairs of
  words, choosing among the most frequent answers.
- `MostFrequentAnswer` guesses for *annotated* questions, beside the accuracy of a trained model. It is fitted on the
  training split, and gives the answer that was most frequent there for the same question, else for the same question
  type, else over all.
"""

from __future__ import annotations

import zlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from pipeline.metrics.percentage import percentage
from pipeline.tables.questions import majority, plain_text

MOST_ANSWERS = 200
SMOOTHING = 0.5


def blind_accuracy(keys: Sequence[str], questions: Sequence[str], answers: Sequence[str]) -> float:
    """Percentage of answers guessed, cross-validated over two halves of the images; 0 if one half is empty.

    keys: the image of each question. A half follows from the image's key (CRC-32), so it is stable across tables.
    """
    halves = [zlib.crc32(key.encode()) & 1 for key in keys]
    right = 0
    for scored in (0, 1):
        inside = [place for place, half in enumerate(halves) if half == scored]
        outside = [place for place, half in enumerate(halves) if half != scored]
        if not inside or not outside:
            return 0.0
        baseline = NaiveBayesAnswer([questions[p] for p in outside], [answers[p] for p in outside])
        guesses = baseline.guess([questions[p] for p in inside])
        right += sum(guess == answers[p] for guess, p in zip(guesses, inside, strict=True))
    return percentage(right, len(keys))


class NaiveBayesAnswer:
    """Guesses answers from the words of questions; fitted once, on at least one question."""

    def __init__(self, questions: Sequence[str], answers: Sequence[str]) -> None:
        given: dict[str, Counter[str]] = defaultdict(Counter)
        for question, answer in zip(questions, answers, strict=True):
            given[question][answer] += 1
        self._known = {question: _commonest(counter)[0] for question, counter in given.items()}
        self._answers = _commonest(Counter(answers))[:MOST_ANSWERS]
        self._fit(given)

    def guess(self, questions: Sequence[str]) -> list[str]:
        """One answer per question."""
        new = {question for question in questions if question not in self._known}
        guesses = self._known | {question: self._classify(question) for question in sorted(new)}
        return [guesses[question] for question in questions]

    def _fit(self, given: dict[str, Counter[str]]) -> None:
        self._feature = {name: place for place, name in enumerate(sorted({f for q in given for f in features(q)}))}
        column = {answer: place for place, answer in enumerate(self._answers)}
        counts = np.full((len(self._feature), len(self._answers)), SMOOTHING)
        prior = np.full(len(self._answers), SMOOTHING)
        for question, counter in given.items():
            rows = [self._feature[name] for name in features(question)]
            for answer, count in counter.items():
                if answer in column:
                    np.add.at(counts, (rows, column[answer]), count)
                    prior[column[answer]] += count
        self._log_prior = np.log(prior / prior.sum())
        self._log_likelihood = np.log(counts / counts.sum(axis=0))

    def _classify(self, question: str) -> str:
        rows = [self._feature[name] for name in features(question) if name in self._feature]
        scores = self._log_prior + self._log_likelihood[rows].sum(axis=0)
        return self._answers[int(np.argmax(scores))]


class MostFrequentAnswer:
    """The most frequent training answer; of equally frequent ones the one that came first."""

    def __init__(
        self, questions: Sequence[str], question_types: Sequence[str], answers: Sequence[Sequence[str]]
    ) -> None:
        """Count the majority answer of each training question; `answers` are those of its annotators."""
        self.by_question: dict[str, Counter[str]] = defaultdict(Counter)
        self.by_type: dict[str, Counter[str]] = defaultdict(Counter)
        self.all: Counter[str] = Counter()
        for question, question_type, given in zip(questions, question_types, answers, strict=True):
            usual = majority(map(plain_text, given))
            for counter in (self.by_question[plain_text(question)], self.by_type[question_type], self.all):
                counter[usual] += 1

    def answer(self, question: str, question_type: str) -> str:
        """The guess for one question; empty if there was no training question."""
        for counter in (self.by_question.get(plain_text(question)), self.by_type.get(question_type), self.all):
            if counter:
                return counter.most_common(1)[0][0]
        return ""


def features(question: str) -> list[str]:
    """The words of a question and its pairs of neighbouring words."""
    words = question.lower().replace("?", " ").split()
    return words + [f"{first} {second}" for first, second in pairwise(words)]


def _commonest(counter: Counter[str]) -> list[str]:
    return sorted(counter, key=lambda answer: (-counter[answer], answer))

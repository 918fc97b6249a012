"""What generator and filter model learn; each pass has a loss of its own (see `objective.py`).

    generator (JADE)  question   the question's words and the separator, under TYPE
                      answer     all after the separator, TYPE hidden
                      caption    the caption's words
    filter (VALOR)    answer     the answer's words, the question in the prompt, no box
                      caption    as above: JADE's pre-training adds dense captions to VALOR's tasks, and they teach
                                 what words look like sooner than answers do

The generator masks all words of an answer; for the other passes the parameters say how many words are masked, and how.
JADE and VALOR mask 60 % of questions and captions, and the filter's answers to 99 %, with the partial masker; with the
full masker each word is learnt from exactly what decoding will show (see `masking.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.questioner.data.dataset import Samples
from pipeline.questioner.data.sampler import DrawnImage
from pipeline.questioner.training.batch import MaskedSequence
from pipeline.questioner.training.masking import masking_stream
from pipeline.questioner.training.objective import MaskedLMObjective
from pipeline.storage.boxes import FULL_IMAGE


class GeneratorObjective(MaskedLMObjective):
    """JADE's three passes."""

    passes = ("question", "answer", "caption")

    def sequences(
        self, item: DrawnImage, samples: Samples, sample: int, step: int
    ) -> tuple[list[Sequence[float]], list[list[MaskedSequence]]]:
        """A box per drawn question and per drawn region; questions and answers are one kind, captions another."""
        boxes: list[Sequence[float]] = []
        qa: list[MaskedSequence] = []
        for number, (question, answer) in enumerate(item.questions):
            qa += self.qa_sequences(samples, question, answer, sample, len(boxes), (step, item.position, number))
            boxes.append(samples.questions.boxes[question])
        captions = self.caption_sequences(samples, item, sample, len(boxes), step)
        boxes += [samples.regions.boxes[region] for region in item.regions]
        return boxes, [qa, captions]

    def qa_sequences(
        self, samples: Samples, question: int, answer: int, sample: int, box: int, drawn_as: tuple[int, int, int]
    ) -> list[MaskedSequence]:
        """The sequences of the question pass and of the answer pass of one question.

        `box` is the index of the question's box in the sample, `drawn_as` the update, the image's position in it, and
        the question's number.
        """
        questions = samples.questions
        words, corners, caption = questions.pieces[question], questions.boxes[question], questions.caption(question)
        target = self.prompts.pair_target(words, questions.answers[answer])
        split = len(words) + 2
        asking = MaskedSequence(
            target=target,
            start=1,
            end=split,
            prompt=self.prompts.pair_prompt(questions.types[answer], corners.tolist(), caption),
            mask_prob=self.params.mask_prob,
            stream=masking_stream("question", *drawn_as, self.mixture.seed),
            sample=sample,
            box=box,
            loss=self.passes.index("question"),
        )
        answering = MaskedSequence(
            target=target,
            start=split,
            end=len(target),
            prompt=self.prompts.pair_prompt(None, corners.tolist(), caption),
            mask_prob=1.0,
            stream=masking_stream("answer", *drawn_as, self.mixture.seed),
            sample=sample,
            box=box,
            loss=self.passes.index("answer"),
            target_box=self.target_box(corners),
        )
        return [asking, answering]


class FilterObjective(MaskedLMObjective):
    """Answers to questions about whole images."""

    passes = ("answer", "caption")

    def sequences(
        self, item: DrawnImage, samples: Samples, sample: int, step: int
    ) -> tuple[list[Sequence[float]], list[list[MaskedSequence]]]:
        """The whole image as a box, which all drawn questions share, and one box per drawn region."""
        answers = self.answer_sequences(samples, item, sample, step)
        boxes = [FULL_IMAGE, *(samples.regions.boxes[region] for region in item.regions)]
        return boxes, [answers, self.caption_sequences(samples, item, sample, 1, step)]

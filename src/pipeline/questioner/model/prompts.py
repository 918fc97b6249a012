"""Prompts and targets: what the questioner's text model reads and what it is to say.

A sequence is a target (what is generated) and a prompt (what is given). All tasks share one model (JADE,
arXiv 2305.11769, and its code `Tokenizer`, `LocationEmbedding`; the last three are VALOR's pre-training,
arXiv 2304.08345):

    task             prompt                                                              target
    region caption   [CLS] generate region caption · L1..L4 [SEP]                        [CLS] caption [SEP]
    question-answer  [CLS] generate question answer pair · TYPE · L1..L4 · caption [SEP] [CLS] question | answer [SEP]
    visual question  [CLS] question [SEP]                                                [CLS] answer [SEP]
    caption          [CLS] describe the image with natural language [SEP]                [CLS] caption [SEP]
    masked words     [CLS] predict masked tokens with visual cues [SEP]                  [CLS] caption [SEP]
    contrast         [CLS] project language in common space [SEP]                        [CLS] caption [SEP]

`·` is [unused0] and `|` is [unused1]. TYPE is the question's type (`tables/questions.py`, `prompt_type`); while an
answer is generated [unused2] stands in its place, because TYPE would give the answer away. L1..L4 are the box's
corners x1 y1 x2 y2 in 224 steps, each one token [unused100] … [unused323]. A prompt's word that the vocabulary lacks
is replaced by one of [unused10] and those that follow.
"""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.encoders.bert.tokenizer import Tokenizer
from pipeline.storage.boxes import FULL_IMAGE, LOCATION_STEPS, Box, location_steps
from pipeline.tables.questions import OTHER, QUESTION_WORDS, YES_NO, detokenised, plain_text

FIRST_LOCATION = 100
CAPTION_TASK, PAIR_TASK = "generate region caption", "generate question answer pair"
IMAGE_CAPTION_TASK = "describe the image with natural language"
MASKED_WORDS_TASK = "predict masked tokens with visual cues"
CONTRAST_TASK = "project language in common space"
TASKS = (CAPTION_TASK, PAIR_TASK, IMAGE_CAPTION_TASK, MASKED_WORDS_TASK, CONTRAST_TASK)
PROMPT_WORDS = tuple(
    dict.fromkeys(
        word for text in (CAPTION_TASK, PAIR_TASK, *QUESTION_WORDS, *YES_NO, OTHER, *TASKS) for word in text.split()
    )
)
"""Each word's stand-in is numbered by its place here, so new tasks come last."""
FIRST_STAND_IN = 10


def longest_prompt(tokenizer: Tokenizer, max_tokens: int) -> int:
    """Tokens of the longest prompt or target, with [CLS] and [SEP]."""
    prompts = Prompts(tokenizer, max_tokens)
    return len(prompts.pair_prompt(None, FULL_IMAGE, [tokenizer.unknown] * max_tokens))


class Prompts:
    """Builds prompts and targets over one tokenizer.

    `max_tokens` limits a target (without [CLS] and [SEP]) and the caption and question inside a prompt.
    Raises UserError if the vocabulary lacks the unused tokens that prompts need.
    """

    def __init__(self, tokenizer: Tokenizer, max_tokens: int) -> None:
        self.tokenizer = tokenizer
        self.max_tokens = max_tokens
        self.gap = tokenizer.unused(0)
        self.separator = tokenizer.unused(1)
        self.hidden_type = tokenizer.unused(2)
        self.locations = [tokenizer.unused(FIRST_LOCATION + step) for step in range(LOCATION_STEPS)]
        self._words = {task: [self.word(word) for word in task.split()] for task in TASKS}
        self.types = {name: self.word(name) for name in (*QUESTION_WORDS, *YES_NO, OTHER)}

    def word(self, word: str) -> int:
        """Id of a word of a prompt; a vocabulary that lacks it lends one of its unused tokens."""
        return self.tokenizer.ids.get(word) or self.tokenizer.unused(FIRST_STAND_IN + PROMPT_WORDS.index(word))

    def location(self, box: Box) -> list[int]:
        """Four tokens of a box."""
        return [self.locations[step] for step in location_steps(box)]

    def task_prompt(self, task: str) -> list[int]:
        """Prompt that names a task on the whole image and nothing else."""
        return self.closed(self._words[task])

    def caption_prompt(self, box: Box) -> list[int]:
        """Prompt that asks for a caption of a region."""
        return self.closed([*self._words[CAPTION_TASK], self.gap, *self.location(box)])

    def pair_prompt(self, prompt_type: str | None, box: Box, caption: Sequence[int]) -> list[int]:
        """Prompt that asks for a question of TYPE `prompt_type` and its answer; None hides the type.

        `caption` is the region's caption as word pieces (may be empty).
        """
        shown = self.hidden_type if prompt_type is None else self.types[prompt_type]
        words = self._words[PAIR_TASK]
        kept = caption[: self.max_tokens]
        return self.closed([*words, self.gap, shown, self.gap, *self.location(box), self.gap, *kept])

    def question_prompt(self, question: Sequence[int]) -> list[int]:
        """Prompt that asks a question (word pieces) about the whole image."""
        return self.closed(question[: self.max_tokens])

    def pair_target(self, question: Sequence[int], answer: Sequence[int]) -> list[int]:
        """Question and answer (word pieces) as one target."""
        return self.closed([*question, self.separator, *answer])

    def closed(self, pieces: Sequence[int]) -> list[int]:
        """[CLS] pieces [SEP]."""
        return [self.tokenizer.cls, *pieces, self.tokenizer.sep]

    def pieces(self, texts: Sequence[str]) -> list[list[int]]:
        """Word pieces of texts, made plain before."""
        return self.tokenizer.batch_pieces([plain_text(text) for text in texts])

    def text(self, ids: Sequence[int]) -> str:
        """The text of generated ids."""
        return detokenised(self.tokenizer.decode(ids))

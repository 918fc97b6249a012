"""Questions derived from the captions of Flickr30k Entities, as a source of annotations (see `pictures`).

It reads the same files as `flickr30k_entities` and adds questions only. Beside a source of that kind with the same
`images`, each picture is packed once (`shared_images`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pipeline.fetch.annotations.builder import Annotations
from pipeline.fetch.annotations.derived.pictures import derive
from pipeline.fetch.annotations.flickr30k_entities.source import PhotographsSource


class DerivedQuestionsSource(PhotographsSource):
    """Questions derived by rules from captions whose phrases are marked (files of Flickr30k Entities)."""

    kind: Literal["derived_questions"]

    def fill(self, annotations: Annotations, root: Path) -> None:
        """Add the questions of every photograph.

        Their choice depends on the photographs' ids, not on the keys, which begin with the source's name.
        """
        annotations.questions.where = self.annotations
        keys: dict[str, str] = {}
        pictures = {}
        for key, photograph in self.photographs(annotations, root):
            keys[photograph.image_id] = key
            pictures[photograph.image_id] = [sentence for _, sentence in photograph.sentences]
        for image_id, questions in derive(pictures).items():
            for item in questions:
                annotations.add_question(keys[image_id], item.question_id, item.question, item.answers, item.box)

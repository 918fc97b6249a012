"""One scene as a record of an official layout: CC3M (img2dataset), Visual Genome, VQAv2, Karpathy. No I/O.

Boxes are whole pixels, as Visual Genome has them. An image's id is its scene's index plus one, so that Visual
Genome and VQAv2 images, which come from one group of scenes, have different ids.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from pipeline.tables.questions import majority
from pipeline.toyworld.language import texts
from pipeline.toyworld.language.regions import Region
from pipeline.toyworld.world.attributes import NUMBERS
from pipeline.toyworld.world.render import SIDE
from pipeline.toyworld.world.scenes import Scene, url

_QUESTION_TYPES = (
    *(
        "what color is the",
        "what color does the",
        "what is the",
        "what shape is",
        "what pattern",
        "what size is",
    ),
    *("what is", "where in the picture", "where is the", "how many", "how big is the", "how large is the"),
    *("is there a", "is there", "does the picture", "can you see", "is the"),
)
MOST_PER_IMAGE = 100


def image_id(scene: Scene) -> int:
    """The id of a scene's picture in Visual Genome's and COCO's files."""
    return scene.index + 1


def cc3m_key(scene: Scene) -> str:
    """The nine digits that name a sample in a packed shard."""
    return f"{scene.index:09d}"


def cc3m_record(scene: Scene) -> dict[str, Any]:
    """The `.json` of a sample in img2dataset's shards; its caption is the `.txt`."""
    return {
        "url": url(scene),
        "caption": texts.alt_text(scene),
        "key": cc3m_key(scene),
        "status": "success",
        "error_message": None,
        "width": SIDE,
        "height": SIDE,
        "original_width": SIDE,
        "original_height": SIDE,
        "exif": "{}",
    }


def visual_genome_name(scene: Scene) -> str:
    """The name of a Visual Genome image in its archive."""
    return f"VG_100K/{image_id(scene)}.jpg"


def visual_genome_record(scene: Scene) -> dict[str, Any]:
    """The entries of one image in Visual Genome's four files, by the name of the file."""
    number = image_id(scene)
    regions = texts.region_phrases(scene)
    asked = texts.question_answers(scene)
    targets = texts.mapped_regions(scene, asked, regions)
    qas = [
        {
            "a_objects": [],
            "question": one.question,
            "image_id": number,
            "qa_id": number * MOST_PER_IMAGE + k,
            "answer": one.answer,
            "q_objects": [],
        }
        for k, one in enumerate(asked)
    ]
    return {
        "image_data": {
            "width": SIDE,
            "url": url(scene),
            "height": SIDE,
            "image_id": number,
            "coco_id": None,
            "flickr_id": None,
        },
        "region_descriptions": {
            "regions": [_region(number, k, region) for k, region in enumerate(regions)],
            "id": number,
        },
        "question_answers": {"id": number, "qas": qas},
        "qa_to_region_mapping": {
            str(qa["qa_id"]): number * MOST_PER_IMAGE + target
            for qa, target in zip(qas, targets, strict=True)
            if target is not None
        },
    }


def _region(number: int, k: int, region: Region) -> dict[str, Any]:
    left, top, right, bottom = (round(side * SIDE) for side in region.box)
    return {
        "region_id": number * MOST_PER_IMAGE + k,
        "width": right - left,
        "height": bottom - top,
        "image_id": number,
        "phrase": region.phrase,
        "y": top,
        "x": left,
    }


def coco_name(scene: Scene) -> str:
    """The name of a VQAv2 image in its archive."""
    return f"train2014/COCO_train2014_{image_id(scene):012d}.jpg"


def vqav2_record(scene: Scene) -> dict[str, Any]:
    """The entries of one image in VQAv2's two files and in COCO's list of images."""
    number = image_id(scene)
    annotated = texts.annotated_questions(scene)
    identified = [(number * MOST_PER_IMAGE + k, one) for k, one in enumerate(annotated)]
    return {
        "questions": [
            {"image_id": number, "question": one.asked.question, "question_id": question_id}
            for question_id, one in identified
        ],
        "annotations": [
            {
                "question_type": _question_type(one.asked.question),
                "multiple_choice_answer": majority(one.answers),
                "answers": [
                    {"answer": answer, "answer_confidence": sure, "answer_id": k + 1}
                    for k, (answer, sure) in enumerate(zip(one.answers, one.confidences, strict=True))
                ],
                "image_id": number,
                "answer_type": _answer_type(one.asked.answer),
                "question_id": question_id,
            }
            for question_id, one in identified
        ],
        "image_info": {
            "id": number,
            "file_name": PurePosixPath(coco_name(scene)).name,
            "coco_url": url(scene),
            "width": SIDE,
            "height": SIDE,
        },
    }


def _question_type(question: str) -> str:
    return next((start for start in _QUESTION_TYPES if question.startswith(start)), "none of the above")


def _answer_type(answer: str) -> str:
    return "yes/no" if answer in ("yes", "no") else "number" if answer in NUMBERS else "other"


def karpathy_name(scene: Scene) -> str:
    """The file name of a benchmark image."""
    return f"{scene.index:06d}.jpg"


def karpathy_record(scene: Scene) -> dict[str, Any]:
    """One entry of `images` in Karpathy's file, all of its test split."""
    captions = texts.benchmark_captions(scene)
    first = scene.index * len(captions)
    return {
        "sentids": [first + k for k in range(len(captions))],
        "imgid": scene.index,
        "sentences": [
            {
                "tokens": caption.replace(",", "").split(),
                "raw": caption,
                "imgid": scene.index,
                "sentid": first + k,
            }
            for k, caption in enumerate(captions)
        ],
        "split": "test",
        "filename": karpathy_name(scene),
        "url": url(scene),
    }

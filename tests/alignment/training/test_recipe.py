"""The published recipe of the shared encoder stands in its preset."""

from pathlib import Path

from pipeline.alignment.params import AlignParams
from pipeline.core.settings import load_params, read_params
from pipeline.teacher.params import EmbedTeacherParams


def test_the_preset_holds_the_numbers_of_the_paper(root: Path) -> None:
    path = root / "presets" / "s-smke.yaml"
    align = load_params(path, "align", AlignParams)
    trained, shared, training = align.train_encoders, align.shared_encoder, align.training
    assert (align.image_encoder.blocks, align.text_encoder.layers, align.text_encoder.max_length) == (6, 6, 64)
    assert "vit_base_patch16" in align.image_encoder.name and "bert-base-uncased" in align.text_encoder.name
    assert (trained.image, trained.text, align.features.crop_scale) == ("all", "all", [0.9, 1.0])
    assert (shared.blocks, shared.width, shared.heads, shared.mlp_ratio, shared.layer_scale) == (1, 768, 12, 4.0, 0.2)
    assert (shared.pooling, shared.projection, shared.skip_pooling, shared.separate) == ("encoder_cls", None, [], False)
    assert shared.type_embedding_scale == 1e-5
    weights = align.loss_weights
    assert (weights.contrastive, weights.distillation, weights.regions, weights.questions) == (1.0, 1.0, 0.0, 0.0)
    distillation = align.distillation
    assert (distillation.kind, distillation.queue_size, distillation.temperature) == ("contrastive", 65_536, 0.07)
    assert not distillation.learn_temperature and align.contrastive.temperature == 0.07
    assert (training.batch_size, training.micro_batch_size, training.steps) == (512, 256, 44_600)
    assert (training.learning_rate, training.warmup_ratio, training.schedule) == (2e-4, 0.1, "cosine")
    assert (training.betas, training.weight_decay) == ([0.9, 0.98], 0.01)
    teacher = load_params(path, "embed_teacher", EmbedTeacherParams)
    assert teacher.encoder.name.endswith(".dino") and teacher.pooling == "cls"


def test_all_sections_but_those_that_the_header_names_are_those_of_cc3m(root: Path) -> None:
    own, other = (read_params(root / "presets" / f"{name}.yaml") for name in ("s-smke", "cc3m"))
    different = [name for name in own if own[name] != other.get(name)]
    assert different == ["inputs", "embed_teacher", "align", "report"] and list(own) == list(other)
    assert {key for key in own["report"] if own["report"][key] != other["report"][key]} == {"title"}
    assert {key for key in own["inputs"] if own["inputs"][key] != other["inputs"][key]} == {"triplets"}
    header = " ".join((root / "presets" / "s-smke.yaml").read_text().partition("\n\n")[0].split())
    assert "differ from presets/cc3m.yaml: inputs (no triplets, " in header
    assert "embed_teacher, align, and the title in report." in header

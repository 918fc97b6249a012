"""One message each for encoders whose name is unknown, or whose weights or classifier are not here."""

from pipeline.core.errors import UserError

KNOWN = {
    "image": ("timm:<model>", "builtin:vit"),
    "text": ("hf:<folder or model>", "builtin:bert"),
}
"""Forms of a name, per kind of encoder."""


def unknown_encoder(kind: str, name: str, found: str = "") -> UserError:
    """The error for a name that nothing answers to."""
    return UserError(
        f"There is no {kind} encoder '{name}'.",
        expected=" or ".join(KNOWN[kind]),
        found=found,
        fix="correct `name` in params.yaml",
    )


def missing_weights(kind: str, name: str, where: object, reason: str) -> UserError:
    """The error for weights that are not here and cannot be fetched."""
    other = {"image": "name their file in `weights`", "text": "say `name: hf:data/raw/encoders/<folder>`"}[kind]
    return UserError(
        f"The weights of the {kind} encoder '{name}' are not here and cannot be fetched.",
        where=where,
        found=reason,
        fix=f"connect once, so that they are downloaded; or copy them to data/raw/encoders/ and {other}; "
        f"or use {KNOWN[kind][1]}; or, to train from nothing, say `weights: random`",
    )


def no_classifier(name: str, where: object, found: str) -> UserError:
    """The error for an image encoder that is to give class probabilities and was never trained on classes."""
    return UserError(
        f"The image encoder '{name}' has no trained classifier, so it gives no class probabilities.",
        where=where,
        expected="weights that hold the classifier of a supervised model",
        found=found,
        fix="name such weights in `weights` (for timm a supervised model's, for builtin:vit a file made by "
        "`python scripts/pretrain_builtin.py classifier FILE`); or pool tokens instead",
    )

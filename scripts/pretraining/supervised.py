"""The control of the linear probe: the same encoder trained on the labels that the probe asks for."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from scripts.pretraining.labelled_pictures import LabelledPictures, Pictures
from scripts.pretraining.probe import LabelledBoxes, over_boxes
from scripts.pretraining.region_contrast import as_grid
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn import functional

from pipeline.training.distributed import ALONE, World


class Supervised(LabelledPictures):
    """Encoder and one linear classifier per attribute, on mean tokens of boxes."""

    monitor: ClassVar[str] = "right"

    def __init__(self, encoder: VisionTransformer, pictures: Pictures, things: LabelledBoxes) -> None:
        super().__init__(encoder, pictures)
        self.heads = nn.ModuleDict(
            {name: nn.Linear(encoder.embed_dim, int(of.max()) + 1) for name, of in things.labels.items()}
        )
        self.things = things

    def collate(self, items: Sequence[int], step: int) -> dict[str, Tensor]:
        """Pixels, and boxes with labels of all things in them."""
        rows = [torch.nonzero(self.things.picture == item)[:, 0] for item in items]
        which = torch.repeat_interleave(torch.arange(len(items)), torch.tensor([len(row) for row in rows]))
        chosen = torch.cat(rows)
        labels = {f"label_{name}": of[chosen] for name, of in self.things.labels.items()}
        return {"pixels": self.pictures.pixels(items), "which": which, "boxes": self.things.boxes[chosen], **labels}

    def outputs(self, micro: Any) -> dict[str, Tensor]:
        """Summed cross-entropy and hits per picture [N], and things per picture."""
        tokens = self.tokens(micro["pixels"])
        features = over_boxes(as_grid(tokens, self.encoder.patch_embed.grid_size[0]), micro["which"], micro["boxes"])
        loss, hits = torch.zeros(len(features)), torch.zeros(len(features))
        for name, head in self.heads.items():
            logits, label = head(features), micro[f"label_{name}"]
            loss = loss + functional.cross_entropy(logits, label, reduction="none")
            hits = hits + (logits.argmax(dim=1) == label) / len(self.heads)
        per_picture = {"loss": loss, "hits": hits, "count": torch.ones(len(features))}
        zeros = torch.zeros(len(tokens))
        return {name: zeros.index_add(0, micro["which"], values) for name, values in per_picture.items()}

    def losses(self, outputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Mean cross-entropy per thing, summed over attributes."""
        return {"attributes": outputs["loss"].sum() / outputs["count"].sum()}

    def validate(self, processes: World = ALONE) -> dict[str, float]:
        """Percentage of attributes of held-out pictures' things that are right."""
        outputs = self.outputs(self.collate(self.pictures.validation, 0))
        return {"right": 100 * (outputs["hits"].sum() / outputs["count"].sum()).item()}

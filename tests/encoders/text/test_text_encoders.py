"""Text encoders by name: BERT's on our BERT, others through transformers, clear errors."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from scripts.pretraining.vocabulary import build_vocabulary

from pipeline.core.errors import UserError
from pipeline.encoders.bert.checkpoint import load_bert, save_bert
from pipeline.encoders.bert.tokenizer import Tokenizer
from pipeline.encoders.common.params import TextEncoderParams
from pipeline.encoders.common.resolve import BERT_FOLDER, resolve
from pipeline.encoders.text.encoder import load_text_encoder

TEXTS = ["a red circle above a square", "red"]


def bert_folder(folder: Path) -> Path:
    """A random BERT checkpoint as transformers writes it."""
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    tokenizer = Tokenizer(build_vocabulary(TEXTS, 50))
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=24,
        max_position_embeddings=20,
    )
    BertModel(config).save_pretrained(folder)
    tokenizer.save(folder)
    return folder


def test_bert_folder_equals_transformers(tmp_path: Path) -> None:
    from transformers import AutoModel, AutoTokenizer

    folder = bert_folder(tmp_path / "data" / "bert")
    encoder = load_text_encoder(TextEncoderParams(name="hf:data/bert", max_length=10), tmp_path)
    ids, mask = encoder.tokenize(TEXTS)
    theirs = AutoTokenizer.from_pretrained(folder)(TEXTS, padding=True, return_tensors="pt")
    assert ids.tolist() == theirs["input_ids"].tolist()
    with torch.inference_mode():
        found = encoder(ids, mask)
        expected = AutoModel.from_pretrained(folder).eval()(**theirs).last_hidden_state
    assert found.shape == (2, ids.shape[1], encoder.dim)
    torch.testing.assert_close(found[mask.bool()], expected[mask.bool()], rtol=1e-4, atol=1e-5)


def test_other_models_go_through_transformers(tmp_path: Path) -> None:
    from transformers import BertTokenizer, DistilBertConfig, DistilBertModel

    torch.manual_seed(0)
    tokenizer = Tokenizer(build_vocabulary(TEXTS, 50))
    folder = tmp_path / "distil"
    config = DistilBertConfig(vocab_size=len(tokenizer), dim=16, n_layers=1, n_heads=2, hidden_dim=24)
    model = DistilBertModel(config)
    model.save_pretrained(folder)
    tokenizer.save(folder)
    BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    encoder = load_text_encoder(TextEncoderParams(name="hf:distil", max_length=6), tmp_path)
    ids, mask = encoder.tokenize(TEXTS)
    assert ids.shape == (2, 6)
    with torch.inference_mode():
        torch.testing.assert_close(encoder(ids, mask)[0], model.eval()(ids).last_hidden_state[0])

    state = model.state_dict()
    from safetensors.torch import save_file

    save_file({name: tensor for name, tensor in state.items() if "lin1" not in name}, folder / "model.safetensors")
    with pytest.raises(UserError, match="incomplete"):
        load_text_encoder(TextEncoderParams(name="hf:distil"), tmp_path)
    state["transformer.layer.0.ffn.lin1.bias"][0] = torch.nan
    save_file(state, folder / "model.safetensors")
    with pytest.raises(UserError, match="not finite"):
        load_text_encoder(TextEncoderParams(name="hf:distil"), tmp_path)


def test_padding_changes_nothing(tmp_path: Path) -> None:
    encoder = load_text_encoder(TextEncoderParams(), tmp_path)
    with torch.inference_mode():
        together = encoder(*encoder.tokenize(TEXTS))
        alone = encoder(*encoder.tokenize(TEXTS[1:]))
    torch.testing.assert_close(together[1, : alone.shape[1]], alone[0], rtol=1e-4, atol=1e-5)


def test_cross_attention_stays_fresh(tmp_path: Path) -> None:
    bert_folder(tmp_path / "bert")
    model, tokenizer, fresh = load_bert(resolve(TextEncoderParams(name="hf:bert"), tmp_path), cross_attention=True)
    assert any("crossattention" in name for name in fresh)
    save_bert(tmp_path / "own", model, tokenizer)
    again, _, fresh = load_bert(resolve(TextEncoderParams(name="hf:own"), tmp_path), cross_attention=True)
    assert fresh == []
    half = {name: tensor.half().float() for name, tensor in model.state_dict().items()}
    torch.testing.assert_close(again.state_dict(), half)


def test_hash_tells_weights_and_vocabulary(tmp_path: Path) -> None:
    params = TextEncoderParams(name="hf:bert")
    folder = bert_folder(tmp_path / "bert")
    before = resolve(params, tmp_path).digest
    assert before == resolve(params, tmp_path).digest
    assert before != resolve(TextEncoderParams(name="hf:bert", weights="random"), tmp_path).digest
    (folder / "vocab.txt").write_text((folder / "vocab.txt").read_text() + "more\n")
    assert before != resolve(params, tmp_path).digest


def test_random_only_when_asked(tmp_path: Path) -> None:
    own = load_text_encoder(TextEncoderParams(), tmp_path)
    random = load_text_encoder(TextEncoderParams(weights="random"), tmp_path)
    assert not torch.equal(next(own.parameters()), next(random.parameters()))
    again = load_text_encoder(TextEncoderParams(weights="random"), tmp_path)
    assert torch.equal(next(again.parameters()), next(random.parameters()))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"name": "hf:data/raw/encoders/none"}, "not here and cannot be fetched"),
        ({"name": "hf:bert-base-uncased"}, "not here and cannot be fetched"),
        ({"name": "builtin:gpt"}, "no text encoder"),
        ({"name": "spacy:en"}, "no text encoder"),
        ({"name": "hf:bert", "weights": "elsewhere"}, "no text encoder"),
        ({"max_length": 65}, "of this length"),
    ],
)
def test_mistakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, params: dict[str, Any], message: str) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match=message):
        load_text_encoder(TextEncoderParams(**params), tmp_path)


def test_broken_folders(tmp_path: Path) -> None:
    folder = bert_folder(tmp_path / "bert")
    params = TextEncoderParams(name="hf:bert", max_length=8)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "position_embedding_type": "relative_key"}))
    with pytest.raises(UserError, match="not the configuration of a BERT"):
        load_text_encoder(params, tmp_path)
    (folder / "config.json").write_text(json.dumps({**config, "vocab_size": 30}))
    with pytest.raises(UserError, match="do not fit"):
        load_text_encoder(params, tmp_path)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.safetensors").unlink()
    with pytest.raises(UserError, match="not here"):
        load_text_encoder(params, tmp_path)


def test_packaged_bert_reads_in_transformers(tmp_path: Path) -> None:
    from transformers import BertLMHeadModel

    ours, tokenizer, fresh = load_bert(resolve(TextEncoderParams(), tmp_path))
    assert fresh == []
    theirs = BertLMHeadModel.from_pretrained(BERT_FOLDER, dtype=torch.float32).eval()
    ids = torch.tensor(tokenizer.encode(["a red circle"], 16)[0])
    with torch.inference_mode():
        found = ours.eval().logits(ours.bert(ids))
        expected = theirs(ids).logits
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


def test_real_sentence_encoder() -> None:
    folder = os.environ.get("FINEALIGN_TEST_SENTENCE_ENCODER")
    if not folder:
        pytest.skip("FINEALIGN_TEST_SENTENCE_ENCODER does not name a folder with a sentence encoder")
    place = Path(folder).resolve()
    encoder = load_text_encoder(TextEncoderParams(name=f"hf:{place.name}"), place.parent)
    texts = ["a dog runs on the grass", "a puppy is playing in a meadow", "stock prices fell sharply"]
    ids, mask = encoder.tokenize(texts)
    with torch.inference_mode():
        tokens = encoder(ids, mask)
    mean = (tokens * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
    unit = torch.nn.functional.normalize(mean, dim=-1)
    assert unit[0] @ unit[1] > unit[0] @ unit[2] + 0.2

"""BERT in plain torch, its checkpoints and its tokenizer."""

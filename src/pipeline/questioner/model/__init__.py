"""The network: image tokens, region prompt, and a BERT with cross-attention."""

"""FineAlign: fine-grained data and a retrieval model, as one reproducible pipeline."""

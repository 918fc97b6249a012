"""The fine-tuned models on benchmarks: answers, captions, and retrieval with re-ranking."""

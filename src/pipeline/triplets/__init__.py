"""Fine-grained training data: generated question-answer pairs and region captions, and their filter."""

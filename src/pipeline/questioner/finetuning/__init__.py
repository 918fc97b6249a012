"""Fine-tuning: pre-training that goes on with generated data, and the downstream tasks that show its worth."""

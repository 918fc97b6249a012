"""The study of few labels: one seed's starts, and the fine-tuning of one start on few and on all labels."""

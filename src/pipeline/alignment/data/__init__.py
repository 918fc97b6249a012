"""What the shared encoder trains on: texts of each image, samples, batches."""

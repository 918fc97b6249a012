"""Pre-training on images with captions (VALOR): its samples, losses and measurements."""

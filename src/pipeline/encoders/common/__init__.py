"""What image and text encoders share: parameters, errors, blocks, weights files."""

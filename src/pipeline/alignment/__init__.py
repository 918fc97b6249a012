"""The shared encoder on top of two pretrained unimodal encoders, its losses and its training."""

"""Making the encoders that ship with the package: self-supervised, images and texts apart."""

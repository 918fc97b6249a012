"""The training of the shared encoder: data set, objective, initialisation, validation."""

"""The parameter file: reading YAML, describing parameter models, listing their keys for a reader."""

"""Pretrained unimodal encoders by name, and their preprocessing."""

"""Quality of the generated data, and of what the models say about held-out images."""

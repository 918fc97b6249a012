"""A drawn world whose truth is known: scenes, pictures, texts, official layouts and an oracle."""

"""The aligned model as it is used: both encoders, the shared encoder, and its folder."""

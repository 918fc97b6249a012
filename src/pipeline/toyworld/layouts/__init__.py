"""The world written in the official file layouts."""

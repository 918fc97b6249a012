"""How good the result is: retrieval, and the quality of the generated data."""

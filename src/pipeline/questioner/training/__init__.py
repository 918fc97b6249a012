"""The training of generator and filter model, and what is measured after it."""

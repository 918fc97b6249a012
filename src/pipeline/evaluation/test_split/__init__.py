"""The final measurement: generator and filter model on the split `test` of the annotations."""

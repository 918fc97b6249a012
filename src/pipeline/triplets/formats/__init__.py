"""Published layouts of triplets: one module each, which writes and reads a stream of images with their rows."""

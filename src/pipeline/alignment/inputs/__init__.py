"""Images and texts as the shared encoder reads them: what is cached of images, and encoders that run along."""

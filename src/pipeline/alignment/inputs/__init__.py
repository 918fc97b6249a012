"""Images and texts as the shared encoder reads them: cached tokens, or encoders that run along."""

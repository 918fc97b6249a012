"""One file per source of image-caption pairs."""

"""Raw files: folders, archives, downloads, JSON too long to hold."""

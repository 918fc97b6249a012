"""From a list of images to shards with a manifest."""

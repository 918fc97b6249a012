"""Image shards and boxes."""

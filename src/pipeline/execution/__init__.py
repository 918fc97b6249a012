"""One shard map for all stages: cached, resumable, parallel."""

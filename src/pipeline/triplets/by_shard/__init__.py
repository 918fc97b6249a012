"""Rows that come in any order, as one table for each shard of images, in memory that does not grow with them."""

"""Flickr30k Entities: captions whose phrases are linked to boxes."""

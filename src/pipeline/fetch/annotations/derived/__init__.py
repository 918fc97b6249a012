"""Questions with answers, derived from captions whose phrases are marked."""

"""The comparison of a study's variants."""

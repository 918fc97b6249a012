"""Studies: variants of the alignment, trained with several seeds and compared."""

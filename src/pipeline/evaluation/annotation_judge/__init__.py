"""The judge of photographs, of which no oracle knows the truth: annotations that were held back from training."""

"""What both evaluations share: the judge, and drawing examples at random."""

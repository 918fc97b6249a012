"""Which generated rows are kept."""

"""What generation and filter share."""

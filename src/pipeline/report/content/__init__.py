"""What the page says, section by section, as plain data for its template."""

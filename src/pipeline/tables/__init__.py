"""Every table that crosses a stage: schema, key, columns."""

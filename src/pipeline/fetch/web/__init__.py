"""Pictures from addresses all over the web: which may be asked, how often, and what came of each."""

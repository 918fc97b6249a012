"""English for rules without a dictionary: forms of nouns and verbs, and lists of words."""

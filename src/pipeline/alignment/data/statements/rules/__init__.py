"""Rules by a question's opening: each makes a statement of its words and an answer, or none."""

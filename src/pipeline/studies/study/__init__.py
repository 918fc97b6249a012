"""What a study is, and the ranks that its trainings end in."""

"""Questions, answers and region captions for every training image."""

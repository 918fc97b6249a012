"""What trainings learn from: samples with their images, and which of them an update draws."""

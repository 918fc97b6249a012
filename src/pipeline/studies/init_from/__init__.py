"""The study of the starts of generator and filter model: trained from nothing, or from the pre-trained model."""

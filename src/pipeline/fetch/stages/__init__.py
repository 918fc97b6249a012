"""The bodies of the three fetch stages."""

"""Raw files of official data sets, read into image shards and tables."""

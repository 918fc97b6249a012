"""One static page from everything measured."""

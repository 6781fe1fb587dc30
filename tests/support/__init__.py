"""Tools of the tests around a running gateway; they import nothing of its parsers."""

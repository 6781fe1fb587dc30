"""Small programs that the tests of the process model run instead of a whole gateway."""

"""Tests of `pygateway.upstream`."""

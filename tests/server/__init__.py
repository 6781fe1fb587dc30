"""Tests of `pygateway.server`."""

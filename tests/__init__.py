"""Tests; packages mirror `pygateway`."""

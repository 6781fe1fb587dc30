"""Benchmarks: the door, the wire, and other gateways beside this one."""

"""Syntax of single values, each with the RFC that defines it."""

"""How hypothesis is used here."""

from __future__ import annotations

from hypothesis import settings

patient = settings(deadline=None)
"""Machines are shared: how long an example takes says nothing."""

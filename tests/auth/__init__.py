"""Everything about credentials that Python does: fetching, asking, queueing."""

"""Instructions that one request costs: the same on a busy machine as on a quiet one."""

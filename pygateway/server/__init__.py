"""The side that clients see: `listener.Listener` accepts, `connection.ClientConnection` speaks."""

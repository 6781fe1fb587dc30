"""PyGateway beside other gateways, on the same work: see `README.md`."""

"""Where requests go: upstreams, their endpoints, and the connections kept to them.

`upstream.Upstream` chooses an `endpoint.Endpoint` by its `balancer`; the endpoint's
`pool.Pool` keeps `connection.UpstreamConnection`s, which `connector.Connector` opens.
"""

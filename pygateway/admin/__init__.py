"""The admin server: what operators ask and tell a running gateway.

control      what the supervisor offers (a Protocol) and what it answers
models       the forms of requests and replies, of which the OpenAPI document is made
catalogue    every metric that there can be
counted      what the native core has counted
measurements what is counted and measured
metrics      measurements as Prometheus reads them
traffic      what is asked for again and again
application  the paths together; each theme has a file:
  health, status, configuration, explanation, log, operations, revocations
dashboard    the page for people, and its files
responses    the OpenAPI document: which problems a path may answer
failures     what goes wrong in paths, as problems
shared       one answer for all who ask at the same time
guard        who may ask, and how much: before anything of a request is believed
problems     errors as application/problem+json
server       uvicorn on a socket of the supervisor's, in its event loop
"""

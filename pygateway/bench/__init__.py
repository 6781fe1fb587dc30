"""Measures a gateway from outside: the load of `pygateway bench`, and what becomes of it.

    plan          what is asked for: where to, how often, for how long, and every bound
    requests      the bytes of one request after another
    arrivals      when requests are due
    pacing        which request may go out now: by the clock, or as soon as there is an answer
    timer         wakes the loop at a nanosecond instead of a millisecond
    client        one connection: a request out, a response in
    connections   all of them
    load          THE STORY: one run, its requests and their deadlines, in one file
    tally         what was counted and measured in one round
    histogram     latencies in log-linear buckets
    objectives    `p99<5ms`: the grammar, and whether it holds
    report        the document that everything else is rendered from
    machine       where it ran
    comparison    is this slower than an earlier report?
    notes         what has to be known to read the figures
    text  junit   the report for people, and as a test result
    export        the histogram as a table
    words         figures as people read them

Latency counts from when a request was due, not from when it could be sent: a gateway that stalls is
charged for every request that it kept waiting (G. Tene, "How NOT to measure latency").
"""

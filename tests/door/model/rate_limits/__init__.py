"""How much may anybody ask for? Plain parts, of which each can be read alone.

`specification` says what policies are made of, `window` is the law, `client` tells who counts with
whom and at what price, `limits` holds requests against policies, `fields` says so to clients, and
`store` is what several machines share.
"""

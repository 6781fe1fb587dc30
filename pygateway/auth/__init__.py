"""Who a request comes from: everything about credentials that the native core cannot do itself.

The core parses, compares and verifies; here is what has to wait: keys that are fetched
(`jwks`), services that are asked (`forward`, `api_keys`), and signatures that wait for their turn
(`verification`). `authenticator` joins them for one worker.
"""

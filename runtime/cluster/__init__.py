"""Work spread over the processes of a Dask cluster, here or on other machines: the only place that imports `distributed`, where it is used.

A cluster trusts its members: what it sends is pickled, so whoever can connect to its scheduler can run code on every worker and on the client.
"""

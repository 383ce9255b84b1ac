"""Who it was: joins the sessions of a recording with what the API server's audit log says of the same pods.

`read_requests` (`audit_log`) reads the log, `match` joins, `kept` keeps the result beside the log.
"""

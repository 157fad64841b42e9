"""What the page lets in beyond `inference.served.guards`, one limit a module.

A request passes them in this order: `connections` (its head must come in time), `headers`,
`one_line_errors`, `bounds` (size, time, number), `own_site` (with `hosts`), `allowed_requests`
(with `uploads`), `logins`, `fair_queue` and, before a function of the page gets its values,
`checked_blocks`.
"""

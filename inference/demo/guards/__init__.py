"""What the page lets in, one limit a module.

A request passes them in this order: `connections` (its head must come in time), `headers`,
`one_line_errors`, `bounds` (size, time, number), `allowed_requests` (with `hosts` and `uploads`),
`logins`, `fair_queue` and, before a function of the page gets its values, `checked_blocks`.
"""

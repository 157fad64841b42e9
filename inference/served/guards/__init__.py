"""Limits on requests that hold for any server of this project, one a module.

A request passes them in this order: `connections` (its head must come in time), `headers`, `bounds`
(size, time, number) and `own_site` (with `hosts`). Refusals are `refusal.Refuse` functions, so that
each server says no in its own format.
"""

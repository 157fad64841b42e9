"""The report of a run.

- `report.py`: page and table of results.
- `plots.py`: figures of the page.
- `rendering.py`: packaged templates; `templates/` has those of this room.
"""

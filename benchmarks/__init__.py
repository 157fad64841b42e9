"""Benchmarks of the search, `make bench-search`; each measures both sides in one run.

- `compare`: the same trials by plain Keras Tuner (`plain_search`) and by this project's search
  (`our_search`).
- `parts`: what one trial costs by part, and how that grows.
- `workers`: the same study with one worker process and with two.
- `scaling`: what a run takes on other machines, a prediction.

All work on a `workload`: images and weights that are ready before a clock starts. Nothing of the
product is patched: it gets a cache, a model and a study folder that note their times
(`stopwatch`).
"""

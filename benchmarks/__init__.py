"""Benchmarks of the search, `make bench-search`, and of other parts.

- `equal_minutes`: plain Keras Tuner (`plain_search`, asked by a `plain_task`) and `make tune`
  (`tune_process`) with the same time.
- `anytime`: accuracy over a whole run, idle or beside `busy` processes.
- `minutes`: where the time of a run went, and how fast that was beside the `processor_peak`.
- `growth`: what more images cost in time, disk and memory; `per_image` is what needs no
  measuring.
- `workers`: the same minutes by one process and by workers.
- `passes`: how fast images pass a frozen trunk.
- `suspects`: which wrong labels are found.
- `curves`, `curve_plot`: accuracy over time, compared and drawn.

What has to be the same for all sides is a `workload`: images and weights that are ready before a
clock starts. Nothing of the product is patched; what happened is read from the run's folder.
`explanations` and `service_load` are benchmarks of other parts, with command lines of their own.
"""

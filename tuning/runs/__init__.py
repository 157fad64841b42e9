"""What lies on disk of a run.

- `settings.py`: what the user chose.
- `schema.py`: record of each JSON file.
- `run_folder.py`, `study_folder.py`: where each file is, and who may write it.
- `leaderboard.py`: CSV of all trials.
- `timeline.py`: CSV of all steps.
- `status.py`: what the run does now.
- `time_budget.py`: time over all sessions.
"""

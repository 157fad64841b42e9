"""What other tools show of a run, written by the driver alone from what lies in the run's folder.

- `trackers.py`: all trackers of a run, told of each trial and winner.
- `hparams.py`: TensorBoard's curves and its HParams tab.
- `mlflow_thread.py`: MLflow's thread, which no search waits for.
- `mlflow_log.py`: a run as MLflow's runs; whatever is missing there is logged.
- `mlflow_server.py`: where MLflow's server is, and messages about it without secrets.
"""

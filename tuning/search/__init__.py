"""The search of one backbone: plan, study, trials, refit, winner."""

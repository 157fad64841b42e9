"""Choose a fine-tuned face classifier: Keras Tuner on a frozen-trunk cache."""

"""From a run's winners to bundles: SavedModel and ONNX, checked against Keras and measured."""

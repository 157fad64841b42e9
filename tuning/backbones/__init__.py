"""The five backbones.

- `registry.py`: all of them as data, with the stages behind which they may be cut.
- `googlenet.py`: the one that keras.applications lacks, in Keras.
- `weights.py`: pretrained weights from ImageNet, a folder, or none.
- `transfer_model.py`: a backbone with a head behind any stage: frozen trunk, trainable tail, head.
- `folding.py`: batch normalization folded into convolutions, for passes.
- `operations.py`: how many multiplications and additions a model takes.
- `head_features.py`: what a head sees of a backbone's activations, in NumPy.
- `class_activations.py`: what each field of a face adds to a logit, as outputs of a classifier.
"""

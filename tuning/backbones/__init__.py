"""The five backbones.

- `registry.py`: all of them as data, with the stages between which fine-tuning may start.
- `googlenet.py`: the one that keras.applications lacks, in Keras.
- `weights.py`: pretrained weights from ImageNet, a folder, or none.
- `transfer_model.py`: a backbone that is cut at any depth: frozen trunk, trainable tail, head.
"""

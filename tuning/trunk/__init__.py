"""The frozen trunk: its activations, computed once and read by every trial.

- `cache.py`: folder of all activations, within a disk budget.
- `entry.py`: what one entry holds, and its key.
- `forward_pass.py`: one pass of images through the trunk to files.
- `image_set.py`: the images, plain or mirrored.
"""

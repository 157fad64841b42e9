"""The frozen trunk: its activations, computed once and read by every trial.

- `cache.py`: folder of all activations, within a disk budget.
- `entry.py`, `entry_files.py`: what one entry holds, its key, its files.
- `image_set.py`: the images, plain or mirrored.
- `photo_views.py`: the images as other photos would show them, for trainings from pixels.
- `reuse.py`: what other entries hold of the images.
- `shard_pass.py`, `forward_pass.py`: passes of images through the trunk to files.
- `room.py`: room on the disk.
"""

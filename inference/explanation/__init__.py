"""What a prediction rests on: a heat map of a face.

- `explainer.py`: explains a prediction, by the method that its model allows.
- `class_activation.py`: exact maps, where the graph gives them.
- `occlusion.py`: maps by covering one spot after the other, for any model; training uses it too.
- `heat_map.py`: the map, and how it is drawn.
"""

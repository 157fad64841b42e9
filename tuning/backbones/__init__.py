"""The five backbones: registry, pretrained weights, and the model that is cut at any depth."""

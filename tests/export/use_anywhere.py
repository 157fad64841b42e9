import sys

import numpy as np
import onnxruntime as ort
from PIL import Image

session = ort.InferenceSession(sys.argv[1])  # model.int8.onnx or model.onnx
facts = session.get_modelmeta().custom_metadata_map
size, low, high = int(facts["input.size"]), float(facts["band.low"]), float(facts["band.high"])
face = Image.open(sys.argv[2]).convert("RGB").resize((size, size), Image.Resampling.BICUBIC)
p_man = session.run(None, {"image": np.asarray(face)[None]})[0].item()
print(p_man, "man" if p_man >= high else "woman" if p_man <= low else "uncertain")

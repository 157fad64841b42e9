"""The demo page, as a Hugging Face Space runs it."""

import os
from pathlib import Path

from inference.demo import server

# The Space is shown in a frame on huggingface.co, which the page forbids elsewhere.
server._HEADERS.pop(b"x-frame-options", None)

if __name__ == "__main__":
    models = Path(__file__).with_name("models")
    server.serve(models, "0.0.0.0", int(os.environ.get("PORT", "7860")))

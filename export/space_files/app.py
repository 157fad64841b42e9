"""The demo page, as a Hugging Face Space runs it."""

import os
from pathlib import Path

from inference.demo.server import serve

if __name__ == "__main__":
    models = Path(__file__).with_name("models")
    # Hugging Face shows a Space in a frame on its own site.
    serve(models, "0.0.0.0", int(os.environ.get("PORT", "7860")), embeddable=True)

"""The demo page, as a Hugging Face Space runs it."""

import os
from pathlib import Path

from inference.demo.server import serve

if __name__ == "__main__":
    names = [os.environ.get("SPACE_HOST", ""), os.environ.get("ALLOWED_HOSTS", "")]
    serve(
        Path(__file__).with_name("models"),
        "0.0.0.0",
        int(os.environ.get("PORT", "7860")),
        allowed_hosts=",".join(names).split(","),
        # Hugging Face shows a Space in a frame on its own site, and passes on its visitors.
        framed_by=["https://huggingface.co"],
        proxies="10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,127.0.0.1",
        classify_origin=os.environ.get("CLASSIFY_ORIGIN")
        == "1",  # a variable in the Space's settings
    )

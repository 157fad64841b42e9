"""onnxruntime on this machine: sessions, self-check, processor, threads, timing."""

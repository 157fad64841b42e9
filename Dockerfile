# The HTTP service and the page, with the serving install only: no TensorFlow. It answers to
# localhost and to IP addresses; other names of the machine go into
# -e ALLOWED_HOSTS=faces.example.org. Keys: -e FACE_CLASSIFIER_API_KEY=..., see docs/guide/service.md.
#   docker build -t face-classifier .
#   docker run -p 127.0.0.1:7860:7860 -v ./artifacts/models:/models:ro face-classifier
FROM python:3.12-slim
WORKDIR /app
COPY requirements-service.txt ./
RUN pip install --no-cache-dir --require-hashes -r requirements-service.txt
COPY data data
COPY inference inference
RUN python -m compileall -q data inference
ENV MODELS=/models DEMO_HOST=0.0.0.0 PORT=7860 HOME=/tmp ORT_DISABLE_TELEMETRY=1 \
    GRADIO_ANALYTICS_ENABLED=False PYTHONUNBUFFERED=1
USER 65534:65534
EXPOSE 7860
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-m", "inference.service.probe"]
CMD ["python", "-m", "inference", "serve"]

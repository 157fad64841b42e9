# The demo with the serving install only: no TensorFlow. It answers to localhost and to IP
# addresses; other names of the machine go into -e ALLOWED_HOSTS=faces.example.org
#   docker build -t face-classifier .
#   docker run -p 127.0.0.1:7860:7860 -v ./artifacts/models:/models:ro face-classifier
FROM python:3.12-slim
WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE face_classifier.py ./
COPY data data
COPY inference inference
RUN pip install --no-cache-dir -c constraints.txt .
ENV MODELS=/models DEMO_HOST=0.0.0.0 PORT=7860 HOME=/tmp ORT_DISABLE_TELEMETRY=1 GRADIO_ANALYTICS_ENABLED=False
USER nobody
EXPOSE 7860
CMD ["python", "-m", "inference", "demo"]

"""The web page and its HTTP API: photos, many files, all models side by side.

>>> from gradio_client import Client, handle_file  # doctest: +SKIP
>>> client = Client("http://127.0.0.1:7860")  # doctest: +SKIP
>>> client.predict(handle_file("photo.jpg"), api_name="/classify")["faces"]  # doctest: +SKIP
"""

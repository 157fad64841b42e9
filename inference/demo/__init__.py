"""The web page and its HTTP API: one photo, many files, all models side by side.

`server` serves the `app`, which is the `page` behind its `guards`. The page has four `tabs`, whose
HTML is in `markup`; the same functions are offered over HTTP by `api`. What they show and return
are the `predictions` of the models that are `served`. With `gradio_client` a program calls them so:

    client = Client("http://127.0.0.1:7860")
    client.predict(handle_file("photo.jpg"), api_name="/classify")["faces"]
"""

"""What the page and the HTTP service share: the models that are served, and limits on requests."""

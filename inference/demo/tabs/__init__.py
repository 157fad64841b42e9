"""The tabs of the page, one a module, and the controls that they share."""

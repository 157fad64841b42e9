"""A folder of static files that classifies in the browser: page, models, onnxruntime-web.

`folder` writes it: the files of `page/` as they are, the bundle's facts as `facts` has them, and
onnxruntime-web, which `npm` fetches.
"""

"""Swagger UI at /docs, from files of this machine: nothing is loaded from elsewhere."""

from importlib.util import find_spec
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse, HTMLResponse, Response

_PACKAGE = "fastapi_offline"  # of which only Swagger UI's files are used
_FILES = ("swagger-ui.css", "swagger-ui-bundle.js")
# Scripts in the page itself would not pass the content security policy.
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Face classifier: HTTP API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="page"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""
_START = """SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#page",
  deepLinking: true,
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
});
"""


def add_docs(app: FastAPI) -> None:
    """Add the page of the documentation and its files.

    Args:
        app: Application that has /openapi.json.
    """

    @app.get("/docs", include_in_schema=False)
    async def page() -> HTMLResponse:
        return HTMLResponse(_PAGE)

    @app.get("/docs/start.js", include_in_schema=False)
    async def start() -> Response:
        return Response(_START, media_type="text/javascript")

    for path in (_folder() / name for name in _FILES):
        _add_file(app, path)


def _add_file(app: FastAPI, path: Path) -> None:
    @app.get(f"/docs/{path.name}", include_in_schema=False)
    async def file() -> FileResponse:
        return FileResponse(path)


def _folder() -> Path:
    spec = find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"No module named {_PACKAGE!r}", name=_PACKAGE)
    return Path(spec.submodule_search_locations[0]) / "static"

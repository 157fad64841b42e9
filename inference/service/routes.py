"""What the service answers, route by route."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request, Response
from starlette import status

from inference.bundle import Bundle, Precision
from inference.classifier import Classifier
from inference.errors import BundleError
from inference.served.errors import RefusedError, message_for
from inference.served.log import log_failure
from inference.served.models import AUTOMATIC, ServedModels
from inference.served.origin import WHY
from inference.service import metrics
from inference.service.access import ApiKeys, Credentials
from inference.service.errors import Kind, ServiceError
from inference.service.pipeline import FoundFaces, Pipeline
from inference.service.schema import (
    MAX_PICTURES,
    DetectedFace,
    ErrorDetail,
    ErrorResponse,
    FacesResponse,
    Health,
    ModelFacts,
    ModelsResponse,
    PictureResult,
    ServedModel,
    with_classes,
)
from inference.service.sent_pictures import FIELD, Bodies, SentPicture

_PICTURES = {
    "type": "array",
    "minItems": 1,
    "maxItems": MAX_PICTURES,
    "items": {"type": "string", "format": "binary"},
}
_BODY = {
    "required": True,
    "description": f"1 to {MAX_PICTURES} pictures, as a form with files or as JSON with base64",
    "content": {
        "multipart/form-data": {
            "schema": {"type": "object", "required": [FIELD], "properties": {FIELD: _PICTURES}}
        },
        "application/json": {"schema": {"$ref": "#/components/schemas/FacesRequest"}},
    },
}
_RETRY = {"Retry-After": {"description": "Seconds to wait", "schema": {"type": "string"}}}


def _errors(**reasons: str) -> dict[int | str, dict[str, Any]]:
    """Describe error responses for OpenAPI, by `_413="too large"`."""
    return {
        int(code[1:]): {"model": ErrorResponse, "description": reason}
        | ({"headers": _RETRY} if code in ("_429", "_503") else {})
        for code, reason in reasons.items()
    }


_GUARDED = _errors(
    _403="Another site's page, or a name of the server that it does not know",
    _429="Too many requests or pictures of this client",
)
_KEYED = _errors(
    _401="No API key of this server", _500="A fault of the server, which its log names"
)
_REFUSED_FACES = _errors(
    _404="No such model",
    _413="The request is too large",
    _415="The body is neither a form nor JSON",
    _503="The queue is full, or the model cannot be used",
    _504="Not done in time",
)
_FIGURES: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/plain": {"schema": {"type": "string"}}}}
}


class Routes:
    """The routes of the service.

    Args:
        served: Models that are served.
        pipeline: Workers on pictures.
        figures: Metrics to count in and to show.
        keys: API keys that let requests in.

    Attributes:
        is_stopping: Whether the server takes no more requests.
    """

    def __init__(
        self, served: ServedModels, pipeline: Pipeline, figures: metrics.Metrics, keys: ApiKeys
    ) -> None:
        self._models = served
        self._pipeline = pipeline
        self._metrics = figures
        self._keys = keys
        self._bodies = Bodies()
        self.is_stopping = False

    def add_to(self, app: FastAPI) -> None:
        """Add the routes to an application."""
        unreadable: dict[int | str, dict[str, Any]] = {
            422: {
                "model": FacesResponse | ErrorResponse,
                "description": "The request does not fit, or none of its pictures could be read",
            }
        }
        app.post(
            "/v1/faces",
            summary="Find and classify faces",
            operation_id="find_faces",
            response_model=FacesResponse,
            responses=_GUARDED | _KEYED | _REFUSED_FACES | unreadable,
            openapi_extra={"requestBody": _BODY},
            tags=["faces"],
        )(self.faces)
        app.get(
            "/v1/models",
            summary="List the models",
            operation_id="list_models",
            responses=_GUARDED | _KEYED,
            tags=["faces"],
        )(self.models)
        self._add_operation(app)

    def _add_operation(self, app: FastAPI) -> None:
        """Add what probes and Prometheus ask for."""
        app.get(
            "/healthz",
            summary="Does it run?",
            operation_id="healthz",
            responses=_GUARDED,
            tags=["operation"],
        )(self.healthz)
        app.get(
            "/readyz",
            summary="Does it take requests?",
            operation_id="readyz",
            responses=_GUARDED | {503: {"model": Health, "description": "It is being stopped"}},
            tags=["operation"],
        )(self.readyz)
        app.get(
            "/metrics",
            summary="Figures for Prometheus",
            operation_id="metrics",
            response_class=Response,
            responses=_GUARDED | _KEYED | _FIGURES,
            tags=["operation"],
        )(self.metrics)

    async def faces(
        self,
        request: Request,
        response: Response,
        credentials: Credentials,
        model: Annotated[
            str | None,
            Query(max_length=255, description="Name of a model; left out: the default one"),
        ] = None,
        precision: Annotated[
            Precision | None,
            Query(description="Left out: the faster one that passed its check on this machine"),
        ] = None,
    ) -> FacesResponse:
        """Find the faces in pictures, and say what annotators would have perceived in each.

        A label is what annotators would have perceived in the photo, not what the person is, and
        the decision is "uncertain" where the model is not sure enough. A picture that cannot be
        read has its own error in its place; where none could be read, the status is 422. Pictures
        are not kept.
        """
        start = perf_counter()
        with _one_line_errors("POST /v1/faces"):
            self._keys.admit(credentials)
            name, classifier = await asyncio.to_thread(self._model, model, precision)
            async with self._bodies.received(request) as pictures:
                client = request.client.host if request.client else ""
                found = await self._pipeline.run(classifier, pictures, client)
                results = [self._result(*pair) for pair in zip(pictures, found, strict=True)]
        if all(one.error for one in results):
            response.status_code = status.HTTP_422_UNPROCESSABLE_CONTENT
        self._metrics.seconds(perf_counter() - start)
        return FacesResponse(model=ServedModel.of(name, classifier), images=results)

    async def models(self, credentials: Credentials) -> ModelsResponse:
        """List the exported models in rank order, with the figures measured at export."""
        with _one_line_errors("GET /v1/models"):
            self._keys.admit(credentials)
            served = self._models
            bundles = [*served.bundles, *served.closed]
            return ModelsResponse(models=[_facts(one, served) for one in bundles])

    async def healthz(self) -> Health:
        """Say that the process runs."""
        return Health(status="ok")

    async def readyz(self, response: Response) -> Health:
        """Say whether requests are taken: a model is loaded and has passed its check here."""
        if self.is_stopping:
            response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
            return Health(status="stopping")
        return Health(status="ready")

    async def metrics(self, credentials: Credentials) -> Response:
        """Give the figures that Prometheus reads."""
        with _one_line_errors("GET /metrics"):
            self._keys.admit(credentials)
            text = await asyncio.to_thread(self._metrics.text)
        return Response(text, media_type=metrics.CONTENT_TYPE)

    def _model(self, name: str | None, precision: Precision | None) -> tuple[str, Classifier]:
        models = self._models
        if not models.names:
            raise ServiceError(Kind.NO_MODEL, f"no label is offered: {WHY}")
        name = name or models.names[0]
        return name, models.load(name, precision or AUTOMATIC)

    def _result(self, picture: SentPicture, found: FoundFaces) -> PictureResult:
        error = None
        if found.error:
            self._metrics.error(Kind.UNREADABLE_PICTURE)
            error = ErrorDetail(kind=Kind.UNREADABLE_PICTURE, message=found.error)
        return PictureResult(
            name=picture.name,
            faces=[DetectedFace.of(face) for face in found.faces],
            milliseconds=found.milliseconds,
            error=error,
        )


def _facts(bundle: Bundle, served: ServedModels) -> ModelFacts:
    name, info = bundle.folder.name, bundle.info
    withheld = served.withheld.get(name, ())
    return ModelFacts(
        name=name,
        is_default=name == next(iter(served.names), None),
        labels=with_classes([one for one in info.classes if one not in withheld]),
        withheld=[one.name for one in withheld],
        sha256={precision: info.formats[precision].sha256 for precision in bundle.precisions()},
        test_accuracy=info.metrics.test_accuracy,
        test_accuracy_interval=info.metrics.test_accuracy_interval,
        synthetic=info.synthetic,
    )


@contextmanager
def _one_line_errors(where: str) -> Iterator[None]:
    """Turn what is raised into an error for the client, and log faults of the server."""
    try:
        yield
    except ServiceError:
        raise
    except RefusedError as error:
        raise ServiceError(Kind.NOT_FOUND, str(error)) from None
    except BundleError as error:
        raise ServiceError(Kind.NO_MODEL, message_for(error)) from None
    except Exception as error:
        log_failure(error, where)
        raise ServiceError(Kind.INTERNAL, "the server failed; its log says where") from None

"""The API's description and its reader, and the probes."""

from __future__ import annotations

from functools import cache
from importlib import resources

import orjson
from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from tercet_gateway.edge.contract import Contract
from tercet_gateway.edge.health import Health
from tercet_gateway.edge.refusals import PathNotFound
from tercet_gateway.edge.schema import document

_TYPES = {
    "index.html": "text/html; charset=utf-8",
    "reader.js": "text/javascript; charset=utf-8",
    "reader.css": "text/css; charset=utf-8",
}
_POLICY = "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'"


@cache
def _asset(name: str) -> bytes:
    return resources.files("tercet_gateway.edge").joinpath("static", name).read_bytes()


def pages(contract: Contract, health: Health) -> APIRouter:
    """Routes that need no credential."""
    router = APIRouter()

    @cache
    def description() -> bytes:
        return orjson.dumps(document(contract))

    @router.get("/openapi.json")
    async def openapi() -> Response:
        # Made on first demand, off the loop: most processes of the gateway are never asked.
        return Response(
            await run_in_threadpool(description), media_type="application/json", headers={"cache-control": "no-cache"}
        )

    @router.get("/")
    async def root() -> Response:
        return RedirectResponse("/docs", status_code=302)

    @router.get("/docs")
    async def reader() -> Response:
        return _page("index.html")

    @router.get("/docs/{name}")
    async def asset(name: str) -> Response:
        if name not in _TYPES:
            raise PathNotFound(path=f"/docs/{name}")
        return _page(name)

    @router.get("/livez")
    async def livez() -> Response:
        return Response(b'{"status":"alive"}', media_type="application/json")

    @router.get("/readyz")
    async def readyz() -> Response:
        status, detail = await health.report()
        return Response(orjson.dumps(detail), status_code=status, media_type="application/json")

    return router


def _page(name: str) -> Response:
    headers = {"content-security-policy": _POLICY, "cache-control": "no-cache"}
    return Response(_asset(name), headers={**headers, "content-type": _TYPES[name]})

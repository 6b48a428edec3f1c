"""An ASGI application that shows who answers and what holds there; its lifespan may be that of the Config."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tests.processes.programs.app import config, note_first, settings, starts_by_itself


async def show(request: Request) -> JSONResponse:
    """Show it, on a connection that is for this request only."""
    return JSONResponse([os.getpid(), settings.current.n], headers={"Connection": "close"})


@asynccontextmanager
async def lifespan(application: Starlette) -> AsyncIterator[None]:
    """Run the Config in the server's loop, unless it runs already."""
    if starts_by_itself:
        yield
    else:
        async with config:
            note_first()
            yield


application = Starlette(routes=[Route("/", show)], lifespan=lifespan)

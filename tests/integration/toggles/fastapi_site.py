"""A FastAPI application that shows the toggles; the Config runs in the server's loop."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from openfeature import api

from tests.integration.toggles.switches import config, provider, shown


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Follow the configuration as long as the application runs."""
    async with config:
        api.set_provider_and_wait(provider)
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/")
async def show() -> dict[str, Any]:
    """Show them."""
    return shown()

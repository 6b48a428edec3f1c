"""A shop's front whose page size, retries, cache, log level, features and Redis are Nacos's, and change live.

uvicorn app:app
uvicorn app:app --workers 4
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import redis.asyncio as redis
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field, SecretStr
from redis.exceptions import RedisError

from dynconf import Config, Nacos, Settings
from dynconf.errors import ResourceUnavailable
from dynconf.integrations.logging import Level, follow_levels


class RedisSettings(BaseModel, frozen=True):
    """Where the visits are counted."""

    host: str = "127.0.0.1"
    port: int = 6379
    db: int = 0
    password: SecretStr | None = None


class Cache(BaseModel, frozen=True):
    """Whether pages are kept, and for how many seconds."""

    enabled: bool = True
    ttl: float = Field(default=60.0, gt=0)


class FeatureFlags(BaseModel, frozen=True):
    """What is switched on."""

    new_dashboard: bool = False
    beta_feature: bool = False


class AppSettings(Settings):
    """All that Nacos says."""

    page_size: int = Field(default=20, ge=1, le=500)
    retries: int = Field(default=3, ge=0)
    cache: Cache = Cache()
    log_level: Level = "INFO"
    feature_flags: FeatureFlags = FeatureFlags()
    redis: RedisSettings = RedisSettings()


# Each stage has a namespace of its own; these are the ids, whatever the console calls them.
NAMESPACES = {"dev": "demo-dev", "test": "demo-test", "prod": "demo-prod"}
GROUP = os.environ.get("DEMO_GROUP", "DEFAULT_GROUP")

logging.basicConfig()
logger = logging.getLogger("demo")
config = Config(
    Nacos("app.yaml", group=GROUP, namespace=NAMESPACES),
    # Who switches features need not be who edits the rest.
    Nacos("features.json", group=GROUP, namespace=NAMESPACES, optional=True),
    profile=os.environ.get("DYNCONF_PROFILE", "dev"),
    name="demo",
)
settings = config.bind(AppSettings)


def connect(where: RedisSettings) -> redis.Redis:
    """A client of the Redis that the settings name; it has a pool of connections."""
    password = where.password and where.password.get_secret_value()
    return redis.Redis(
        host=where.host, port=where.port, db=where.db, password=password or None, socket_timeout=2
    )


# Without Redis the other pages are served all the same; it is taken when it is there.
counter = settings.resource(
    "redis", create=connect, check=lambda client: client.ping(), close=redis.Redis.aclose, on_failure="keep"
)
follow_levels(settings, lambda now: {"demo": now.log_level})


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Follow Nacos as long as the application runs; without a configuration it does not start."""
    async with config:
        yield


async def count() -> int:
    """Count one more, trying again as often as the settings say."""
    for left in range(settings.current.retries, -1, -1):
        try:
            async with counter.lease() as client:  # which stays open until then, wherever the settings go
                return int(await client.incr("visits"))
        except RedisError:
            if not left:
                raise
            logger.info("Redis does not answer, it is tried %d times more", left)
            await asyncio.sleep(0.1)
    raise AssertionError("there is at least one attempt")


app = FastAPI(title="demo", lifespan=lifespan)


@app.get("/config")
async def show_config() -> dict[str, Any]:
    """What holds at the moment, and how it stands with where it comes from; secrets are masked."""
    shown, status = config.view().to_dict(), config.status().to_dict()
    return {
        "version": shown["version"],
        "settings": shown["models"]["AppSettings"],
        "sources": status["sources"],
        "resources": status["resources"],
        "worker": os.getpid(),
    }


@app.get("/")
async def dashboard() -> dict[str, Any]:
    """The dashboard, new or old."""
    now = settings.current  # one version, however long this takes
    page: dict[str, Any] = {"dashboard": "new" if now.feature_flags.new_dashboard else "old"}
    if now.feature_flags.beta_feature:
        page["beta"] = "welcome, tester"
    page["items"] = [f"item {number}" for number in range(1, now.page_size + 1)]
    page["cached_for"] = now.cache.ttl if now.cache.enabled else 0
    return page


@app.post("/visits")
async def visit() -> dict[str, int]:
    """Count a visit."""
    try:
        return {"visits": await count(), "worker": os.getpid()}
    except RedisError as error:
        raise HTTPException(503, f"Redis does not answer ({type(error).__name__})") from None
    except ResourceUnavailable as error:
        raise HTTPException(503, str(error)) from None

"""A hit counter whose Redis is where the key `demo-config` in Consul says, and moves when that changes.

flask --app app run
gunicorn --workers 4 'app:create_app()'
"""

import logging
import os
import sys

import redis
from flask import Flask, jsonify
from flask.typing import ResponseReturnValue
from pydantic import BaseModel, SecretStr

from dynconf import Binding, Config, Consul, Resource, Settings
from dynconf.errors import ResourceUnavailable, StartFailed


class RedisConfig(BaseModel, frozen=True):
    """Where the hits are counted."""

    redis_host: str
    redis_port: int = 6379
    redis_db: int = 0
    redis_password: SecretStr | None = None


class DemoConfig(Settings):
    """What the key holds."""

    redis_config: RedisConfig
    show_message: str


def connect(where: RedisConfig) -> redis.Redis:
    """A client of the Redis that the settings name; it has a pool of connections."""
    password = where.redis_password and where.redis_password.get_secret_value()
    return redis.Redis(
        host=where.redis_host,
        port=where.redis_port,
        db=where.redis_db,
        password=password or None,
        socket_timeout=2,
        socket_connect_timeout=2,
    )


def start() -> tuple[Config, Binding[DemoConfig], Resource[redis.Redis]]:
    """Load the configuration, connect, and follow; ends the program with status 1 if that cannot be."""
    config = Config(Consul("demo-config"), start_timeout=5)
    settings = config.bind(DemoConfig)
    counter = settings.resource(
        "redis_config", create=connect, check=redis.Redis.ping, close=redis.Redis.close
    )
    try:
        config.start()
    except StartFailed as error:
        sys.exit(f"demo: {error}")
    return config, settings, counter


def create_app() -> Flask:
    """The application."""
    logging.basicConfig(level=logging.INFO)
    config, settings, counter = start()
    app = Flask("demo")

    @app.get("/")
    def index() -> ResponseReturnValue:
        """Count a hit."""
        with counter.lease() as client:  # which stays open until then, wherever the settings go
            hits = client.incr("hits")
        return jsonify(hits=hits, message=settings.current.show_message, worker=os.getpid())

    @app.errorhandler(redis.RedisError)
    @app.errorhandler(ResourceUnavailable)  # a worker that was forked while Redis was down
    def redis_is_down(error: Exception) -> ResponseReturnValue:
        return jsonify(error=f"Redis does not answer ({type(error).__name__})"), 503

    @app.get("/status")
    def status() -> ResponseReturnValue:
        """How it stands with the configuration; secrets are masked."""
        return jsonify(config.status().to_dict())

    return app

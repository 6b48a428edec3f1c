"""A hit counter whose Redis is where the key `demo-config` in Consul says, and moves when that changes.

flask --app app run
gunicorn --workers 4 'app:create_app()'
"""

import logging
import os
import sys
import threading
import time

import redis
from flask import Flask, jsonify
from flask.typing import ResponseReturnValue
from pydantic import BaseModel, SecretStr

from dynconf import Binding, Change, Config, Consul, Settings
from dynconf.errors import StartFailed


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


class Counter:
    """Counts in the Redis that the settings say at the time."""

    attempts = 5

    def __init__(self, settings: Binding[DemoConfig]) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._client = self._made()

    def move(self) -> None:
        """Use the Redis that the settings say now; who is using the former one may finish."""
        with self._lock:
            former, self._client = self._client, self._made()
        former.connection_pool.disconnect(inuse_connections=False)

    def hit(self) -> int:
        """Count one more, trying again if Redis does not answer or is being moved."""
        for attempt in range(1, self.attempts + 1):
            try:
                return int(self._client.incr("hits"))
            except redis.RedisError:
                if attempt == self.attempts:
                    raise
                time.sleep(0.1 * 2**attempt)
        raise AssertionError("there is at least one attempt")

    def _made(self) -> redis.Redis:
        where = self._settings.current.redis_config
        password = where.redis_password and where.redis_password.get_secret_value()
        return redis.Redis(
            host=where.redis_host,
            port=where.redis_port,
            db=where.redis_db,
            password=password or None,
            socket_timeout=2,
            socket_connect_timeout=2,
        )


def start() -> tuple[Config, Binding[DemoConfig]]:
    """Load the configuration and follow it; ends the program with status 1 if it is not there."""
    config = Config(Consul("demo-config"), start_timeout=5)
    settings = config.bind(DemoConfig)
    try:
        config.start()
    except StartFailed as error:
        sys.exit(f"demo: {error}")
    return config, settings


def create_app() -> Flask:
    """The application."""
    logging.basicConfig(level=logging.INFO)
    config, settings = start()
    counter = Counter(settings)

    @settings.on_change("redis_config")
    def redis_moved(change: Change[RedisConfig]) -> None:
        counter.move()
        app.logger.info("Redis is at %s:%d now", change.new.redis_host, change.new.redis_port)

    app = Flask("demo")

    @app.get("/")
    def index() -> ResponseReturnValue:
        """Count a hit."""
        now = settings.current
        return jsonify(hits=counter.hit(), message=now.show_message, worker=os.getpid())

    @app.errorhandler(redis.RedisError)
    def redis_is_down(error: redis.RedisError) -> ResponseReturnValue:
        return jsonify(error=f"Redis does not answer ({type(error).__name__})"), 503

    @app.get("/status")
    def status() -> ResponseReturnValue:
        """How it stands with the configuration; secrets are masked."""
        return jsonify(config.status().to_dict())

    return app

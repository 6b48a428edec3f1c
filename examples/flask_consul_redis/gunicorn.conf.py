"""What gunicorn does before it starts workers; it reads this file by itself."""

from app import start


def on_starting(server: object) -> None:
    """End with a clear error if there is no configuration or no Redis: workers are only started again."""
    config, *_ = start()
    config.stop()

"""A Flask application that shows the toggles; the Config has a thread of its own."""

from flask import Flask, jsonify
from flask.typing import ResponseReturnValue
from openfeature import api

from tests.integration.toggles.switches import config, provider, shown

config.start()
api.set_provider_and_wait(provider)
app = Flask("site")


@app.get("/")
def show() -> ResponseReturnValue:
    """Show them."""
    return jsonify(shown())

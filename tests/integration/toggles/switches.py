"""What both programs show: one toggle as a typed field, one as a flag, and that flag by OpenFeature."""

import os
from typing import Any

from openfeature import api
from pydantic import BaseModel

from dynconf import Config, Settings
from dynconf.integrations.openfeature import DynconfProvider


class FeatureFlags(BaseModel):
    new_dashboard: bool = False
    beta_feature: bool = False


class App(Settings):
    feature_flags: FeatureFlags = FeatureFlags()


config = Config(os.environ["APP_SOURCE"])
settings = config.bind(App)
flags = config.flags()
provider = DynconfProvider(flags)


def shown() -> dict[str, Any]:
    """What holds now, and in which process."""
    return {
        "field": settings.current.feature_flags.new_dashboard,
        "flag": flags.enabled("new_checkout", "user-1", country="DE"),
        "client": api.get_client().get_boolean_value("new_checkout", default_value=False),
        "worker": os.getpid(),
    }

"""Publishes, removes and watches the demo's configuration: python manage.py --help."""

import argparse
import time
from pathlib import Path

from app import GROUP, NAMESPACES, AppSettings

from dynconf import Change, Config, Nacos, NacosServer
from dynconf.errors import DynconfError


def publish(stage: str, files: list[Path]) -> None:
    """Publish files, each under its own name."""
    contents = {file: file.read_text("utf-8") for file in files}  # all, before the first is published
    with NacosServer() as nacos:
        for file, content in contents.items():
            kind = file.suffix.removeprefix(".")
            nacos.publish(file.name, content, group=GROUP, namespace=NAMESPACES[stage], type=kind, wait=True)
            print(f"published {file.name} in {NAMESPACES[stage]}")


def remove(stage: str, data_ids: list[str]) -> None:
    """Remove configurations."""
    with NacosServer() as nacos:
        for data_id in data_ids:
            nacos.remove(data_id, group=GROUP, namespace=NAMESPACES[stage], wait=True)
            print(f"removed {data_id} from {NAMESPACES[stage]}")


def watch(stage: str) -> None:
    """Print what changes, until Ctrl-C."""
    source = Nacos("app.yaml", "features.json", group=GROUP, namespace=NAMESPACES[stage], optional=True)
    config = Config(source, name="watch")
    settings = config.bind(AppSettings)

    @settings.on_change
    def changed(change: Change[AppSettings]) -> None:
        print(f"version {change.version}: {', '.join(sorted(change.paths))}", flush=True)

    with config:
        print("watching", flush=True)
        while True:
            time.sleep(3600)


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stage", choices=sorted(NAMESPACES), default="dev")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("publish").add_argument("files", nargs="+", type=Path)
    commands.add_parser("remove").add_argument("data_ids", nargs="+")
    commands.add_parser("watch")
    said = parser.parse_args()
    try:
        if said.command == "publish":
            publish(said.stage, said.files)
        elif said.command == "remove":
            remove(said.stage, said.data_ids)
        else:
            watch(said.stage)
    except DynconfError as error:
        raise SystemExit(f"manage: {error}") from None
    except OSError as error:
        raise SystemExit(f"manage: {error.filename}: {error.strerror}") from None
    except UnicodeError:
        raise SystemExit("manage: a file is not text in UTF-8") from None
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()

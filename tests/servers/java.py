"""Programs in Java: jars that Maven brings, classes of our own, and an archive of both that loads quickly."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.servers.builds import BuildFailed, run

OLDEST = "17"
# The quick compiler alone, no threads to collect garbage, and as much memory as a test's few keys take.
QUICK = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xms64m", "-Xmx256m"]
PROGRAM = "program"  # a link in the folder that Java runs in
JAR = "classes.jar"
ARCHIVE = (
    "classes.jsa"  # of the very Java that made it; another one goes without, and starts in twice the time
)
CLASS_PATH = "classpath"


def assemble(folder: Path, pom: Path, sources: Iterable[Path], finish: Callable[[Path], None]) -> None:
    """Fill a folder with jars, and with one of our own that comes before them.

    Args:
        folder: to fill.
        pom: names the jars.
        sources: to be compiled.
        finish: adds to the folder of compiled classes before it is packed.

    Raises:
        BuildFailed: the message says what it takes.
    """
    try:
        _assemble(folder, pom, sources, finish)
    except BuildFailed as error:
        raise BuildFailed(f"it takes Maven and a JDK, version {OLDEST} or later; {error}") from None


def _assemble(folder: Path, pom: Path, sources: Iterable[Path], finish: Callable[[Path], None]) -> None:
    goals = ["dependency:copy-dependencies", "dependency:build-classpath"]
    options = {
        "includeScope": "runtime",
        "outputDirectory": folder / "lib",
        "mdep.outputFile": folder / CLASS_PATH,
        "mdep.prefix": f"{PROGRAM}/lib",
    }
    given = [f"-D{name}={value}" for name, value in options.items()]
    run("mvn", "--quiet", "--batch-mode", "--file", pom, *goals, *given)
    with TemporaryDirectory() as temporary:
        classes = Path(temporary)
        run("javac", "--release", OLDEST, "-proc:none", "-cp", folder / "lib/*", "-d", classes, *sources)
        finish(classes)
        run("jar", "--create", "--file", folder / JAR, "-C", classes, ".")


def java(
    program: Path, folder: Path, main: str, system: Mapping[str, Any], *, rehearsal: bool = False
) -> list[str]:
    """What runs a program that was assembled.

    An archive is good for jars of the same names only, and the program moves once it is made. So they are
    reached through a link in the folder to run in.

    Args:
        program: its folder.
        folder: the one to run in.
        main: the class to begin with.
        system: properties that Java is given.
        rehearsal: end once all has started, and archive what was loaded by then.
    """
    link = folder / PROGRAM
    link.unlink(missing_ok=True)
    link.symlink_to(program)
    archive = "ArchiveClassesAtExit" if rehearsal else "SharedArchiveFile"
    properties = [f"-D{name}={value}" for name, value in system.items()]
    if rehearsal:
        properties.append("-Drehearsal=true")
    class_path = f"{PROGRAM}/{JAR}:{(program / CLASS_PATH).read_text()}"
    return ["java", *QUICK, f"-XX:{archive}={PROGRAM}/{ARCHIVE}", *properties, "-cp", class_path, main]

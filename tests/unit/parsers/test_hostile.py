"""Documents made to crash or to exhaust: refused by a limit, in a thread of little room."""

import subprocess
import sys
import textwrap

import pytest

from dynconf._values.limits import Limits
from dynconf.errors import LimitExceeded, ParseError
from dynconf.parsers import parse

# Each document is an expression, so that it is made in the child only.
CHAIN = (
    "b''.join([{first!r}, *({link!r}.replace(b'N', b'%d' % n)"
    ".replace(b'M', b'%d' % (n - 1)) for n in range(1, 60))])"
)
BOMB = CHAIN.format(first=b"a0: &a0 x\n", link=b"aN: &aN [" + b",".join([b"*aM"] * 10) + b"]\n")
MERGES = CHAIN.format(first=b"a0: &a0 {x: 1}\n", link=b"aN: &aN {<<: [" + b",".join([b"*aM"] * 10) + b"]}\n")
NESTED = CHAIN.format(first=b"a0: &a0 {x: 1}\n", link=b"aN: &aN {<<: *aM, yN: *aM}\n")
HOSTILE = {
    "flow lists": ("yaml", "b'[' * 100_000", "depth=64"),
    "flow lists with blanks": ("yaml", "b'[ ' * 4_000_000", "depth=64"),
    "flow mappings": ("yaml", "b'{a: ' * 30_000", "depth=64"),
    "flow keys": ("yaml", "b'[? ' * 30_000", "depth=64|mapping or a list"),
    "block lists": ("yaml", "b'- ' * 30_000", "depth=64"),
    "block keys": ("yaml", "b'? ' * 30_000", "mapping or a list"),
    "block mappings": ("yaml", "b''.join(b' ' * i + b'a:\\n' for i in range(3000))", "depth=64"),
    "guessed": (None, "b'{\"a\":' * 100_000", "depth=64"),
    "aliases": (
        "yaml",
        BOMB,
        "nodes=500000",
    ),
    "merges": (
        "yaml",
        MERGES,
        "keys=200000|nodes=500000",
    ),
    "nested merges": (
        "yaml",
        NESTED,
        "keys=200000|nodes=500000",
    ),
    "directives": ("yaml", "b'%TAG !a! b\\n' * 1_000_000", "directives"),
    "sexagesimal": ("yaml", "b'a: 1' + b':59' * 4_000_000", "100 characters"),
    "sexagesimals": ("yaml", "b''.join([b'- 1' + b':1' * 2100 + b'\\n'] * 3900)", "100 characters"),
    "yaml keys": ("yaml", "b''.join(b'k%d: 1\\n' % i for i in range(1_000_000))", "keys=200000"),
    "yaml nodes": ("yaml", "b'[' + b'1,' * 4_000_000 + b']'", "nodes=500000"),
    "yaml bytes": ("yaml", "bytes(100_000_000)", "bytes=16777216"),
    "json depth": ("json", "b'[' * 100_000 + b']' * 100_000", "depth=64"),
    "json objects": ("json", "b'{\"a\":' * 100_000 + b'1' + b'}' * 100_000", "depth=64"),
    "json keys": (
        "json",
        "b'{' + b','.join(b'\"%d\":1' % i for i in range(1_000_000)) + b'}'",
        "keys=200000",
    ),
    "json nodes": ("json", "b'[' + b'[],' * 4_000_000 + b'1]'", "nodes=500000"),
    "json texts": ("json", "b'[' + b'\"\",' * 4_000_000 + b'1]'", "nodes=500000"),
    "json digits": ("json", "b'9' * 10_000_000", "digits"),
    "json bytes": ("json", "b' ' * 100_000_000", "bytes=16777216"),
    "toml arrays": ("toml", "b'a = ' + b'[' * 100_000", "depth=64"),
    "toml tables": ("toml", "b'a = ' + b'{a=' * 100_000", "depth=64"),
    "toml dots": ("toml", "b'a.' * 100_000 + b'a = 1'", "depth=64"),
    "toml header": ("toml", "b'[' + b'a . ' * 100_000 + b'a]'", "depth=64"),
    "toml quoted dots": ("toml", "b'\"a\".' * 100_000 + b'a = 1'", "depth=64"),
    "toml keys": ("toml", "b''.join(b'k%d=1\\n' % i for i in range(1_000_000))", "keys=200000"),
    "toml dotted keys": ("toml", "b''.join(b'k%d.a=1\\n' % i for i in range(200_000))", "keys=200000"),
    "toml long dotted keys": (
        "toml",
        "b''.join(b'k%d.' % i + b'a.' * 60 + b'a=1\\n' for i in range(100_000))",
        "keys=200000",
    ),
    "toml quoted keys": (
        "toml",
        "b''.join(b'\"k%d\".\\'a\\'=1\\n' % i for i in range(200_000))",
        "keys=200000",
    ),
    "toml headers": ("toml", "b''.join(b'[k%d.a.b.c.d]\\n' % i for i in range(160_000))", "keys=200000"),
    "toml keys in inline tables": (
        "toml",
        "b''.join(b't%d = {k%d.b.c = 1}\\n' % (i, i) for i in range(90_000))",
        "keys=200000",
    ),
    "toml names": (
        "toml",
        "b''.join(b'a.' * 60 + b'k%d=1\\n' % i for i in range(100_000))",
        "named more than 400000 times",
    ),
    "toml nodes": ("toml", "b'a=[' + b'1,' * 4_000_000 + b']'", "nodes=500000"),
    "toml lists": ("toml", "b'a=[' + b'[],' * 4_000_000 + b']'", "nodes=500000"),
    "toml inline tables": ("toml", "b'a=[' + b'{},' * 4_000_000 + b']'", "nodes=500000"),
    "toml texts": ("toml", "b'a=[' + b'\"\",' * 4_000_000 + b']'", "nodes=500000"),
    "toml array of tables": ("toml", "b'[[a]]\\n' * 2_000_000", "nodes=500000"),
    "properties depth": ("properties", "b'a.' * 100_000 + b'a=1'", "depth=64"),
    "properties lists": ("properties", "b'a' + b'[0]' * 100_000 + b'=1'", "depth=64"),
    "properties keys": ("properties", "b''.join(b'k%d=1\\n' % i for i in range(1_000_000))", "keys=200000"),
    "properties continued": ("properties", "b'a=' + b'x\\\\\\n' * 3_000_000 + b'\\\\uzzzz'", "hexadecimal"),
    "properties lines": ("properties", "b'a=1\\n' * 4_000_000", "keys=200000"),
    "properties items": ("properties", "b'a[0]=1\\n' * 2_000_000", "nodes=500000"),
    "properties continued texts": (
        "properties",
        "b'a=' + b'abc\\\\\\n' * 3_000_000 + b'\\\\uzzzz'",
        "hexadecimal",
    ),
    "properties escapes": (
        "properties",
        "b'a=' + b'\\\\u4e00' * 2_700_000 + b'\\\\uzzzz'",
        "hexadecimal",
    ),
    "dotenv lines": ("dotenv", "b'A=1\\n' * 4_000_000", "keys=200000"),
    "dotenv names": ("dotenv", "b'A\\n' * 8_000_000", "keys=200000"),
    "dotenv texts": (
        "dotenv",
        "b'A=\"' + '\\\\n\\u4e00'.encode() * 3_000_000 + b'\"\\n='",
        "NAME=value",
    ),
    "dotenv keys": ("dotenv", "b''.join(b'K%d=1\\n' % i for i in range(1_000_000))", "keys=200000"),
    "dotenv blanks": ("dotenv", "b'A=x' + b' ' * 8_000_000 + b'y\\n='", "NAME=value"),
    "dotenv escapes": ("dotenv", "b'A=\"' + b'\\\\a' * 4_000_000", "NAME=value"),
    "dotenv quotes": ("dotenv", 'b"A=\'" + b"\\\\\'\\\\\\\\" * 4_000_000 + b"\'\\n="', "NAME=value"),
    "xml depth": ("xml", "b'<a>' * 100_000", "depth=64"),
    "xml keys": (
        "xml",
        "b'<r>' + b''.join(b'<k%d/>' % i for i in range(1_000_000)) + b'</r>'",
        "keys=200000",
    ),
    "xml nodes": ("xml", "b'<r>' + b'<k/>' * 3_000_000 + b'</r>'", "nodes=500000"),
    "xml attributes": (
        "xml",
        "b'<r ' + b' '.join(b'a%d=\"\"' % i for i in range(1_300_000)) + b'/>'",
        "keys=200000",
    ),
    "xml namespace": (
        "xml",
        "b'<r xmlns=\"' + b'u' * 1_000_000 + b'\">' + b'<a/>' * 490_000 + b'</r>'",
        "namespace of more than 256 bytes",
    ),
    "xml entities": ("xml", "b'<!DOCTYPE r [<!ENTITY a \"x\">]><r>&a;</r>'", "DTD"),
}

CHILD = textwrap.dedent(r"""
    import pathlib, re, resource, sys, threading
    from dynconf._values.limits import Limits
    from dynconf.errors import ParseError
    from dynconf.parsers import parse
    import json, tomllib, yaml, javaproperties, dotenv.main, xml.parsers.expat

    def peak():
        return int(re.search(r"VmHWM:\s+(\d+) kB", pathlib.Path("/proc/self/status").read_text())[1])

    format, source, expected = eval(sys.argv[1])
    content = eval(source)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    size = peak()
    resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
    outcome = []

    def run():
        try:
            parse(content, format=format, limits=Limits())
            outcome.append("accepted")
        except ParseError as error:
            outcome.append("refused" if re.search(expected, error.reason) else error.reason[:300])

    threading.stack_size(256 * 1024)
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    seconds = resource.getrusage(resource.RUSAGE_SELF).ru_utime - before
    print(outcome[0], round(seconds, 2), (peak() - size) // 1024)
""")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile(name: str) -> None:
    """The error is the expected one, the process lives, and memory stays within 200 MB."""
    child = subprocess.run(
        [sys.executable, "-W", "error", "-c", CHILD, repr(HOSTILE[name])],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert child.returncode == 0, child.stderr[-2000:]
    outcome, _, megabytes = child.stdout.rsplit(maxsplit=2)
    assert outcome == "refused"
    assert int(megabytes) < 200


@pytest.mark.parametrize(
    ("format", "content"),
    [
        ("toml", b"a = 0x" + b"f" * 4000),
        ("toml", b"a = [1, 0b" + b"1" * 15_000 + b"]"),
        ("toml", b"a = 1." + b"9" * 1_000_000),
        ("toml", b"a = " + b"9" * 1_000_000),
        ("yaml", b"a: 0x" + b"f" * 4000),
        ("properties", b"a" + b"[0]" * 1_000_000 + b"=1"),
    ],
)
def test_what_is_too_long_to_be_written(format: str, content: bytes) -> None:
    """A number that Python would not write, or that costs more than it is worth; a million steps."""
    with pytest.raises((ParseError, LimitExceeded)):
        parse(content, format=format, limits=Limits())


def test_long_texts_are_no_numbers() -> None:
    """What stands in quotes may be as long as it likes."""
    digits = "0x" + "f" * 20_000
    assert parse(f'a = "{digits}"'.encode(), format="toml", limits=Limits()).value == {"a": digits}
    assert parse(f"a: '{digits}'".encode(), format="yaml", limits=Limits()).value == {"a": digits}

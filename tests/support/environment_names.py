"""Names of environment variables that the lab's programs read, found in the programs themselves."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.support.commands import REPOSITORY

# Not imported by the services.
INSTALLERS = {"pip", "setuptools", "pkg_resources", "_distutils_hack"}
# Set by systemd for each service, or by none but a terminal.
OF_SYSTEMD = {"NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "PWD", "XDG_RUNTIME_DIR"}
OF_TERMINALS = {"COMP_CWORD", "COMP_WORDS", "LESS", "PAGER", "TERM", "XDG_CONFIG_HOME"}
# Names between zero bytes, as a C program has them.
NATIVE = {
    "grpc/_cython/cygrpc*.so": rb"GRPC_(?!CALL_ERROR|CHANNELZ_CALL)[A-Z_]+|(?:no_)?[a-z]+_proxy",
    "psycopg_binary.libs/libpq*": rb"PG[A-Z]+",
    "psycopg_binary.libs/libcrypto*": rb"SSL_CERT_[A-Z]+|OPENSSL_(?:CONF|ENGINES|MODULES)\w*",
}


def names_read(source: str) -> Iterator[str]:
    """Yield the names that a module gets from its environment, and all with a known prefix."""
    environ = "environ" if "from os import environ" in source else "os.environ"
    readers = {f"{environ}.{method}" for method in ("get", "pop", "setdefault")}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and re.fullmatch(
            "(OTEL|GUNICORN)_[A-Z_]+", str(node.value)
        ):
            yield str(node.value)
        key = None
        if isinstance(node, ast.Call) and node.args:
            function = ast.unparse(node.func)
            if function in {"get_excluded_urls", "get_traced_request_attrs"}:
                suffix = function.removeprefix("get_").upper()
                yield f"OTEL_PYTHON_{ast.literal_eval(node.args[0])}_{suffix}"
            key = node.args[0] if function in readers | {"os.getenv", "getenv"} else None
        elif isinstance(node, ast.Subscript) and ast.unparse(node.value) == environ:
            key = node.slice
        elif isinstance(node, ast.Compare) and ast.unparse(node.comparators[0]) == environ:
            key = node.left
        if isinstance(key, ast.Constant):
            yield key.value


@cache
def app_names(site_packages: Path) -> set[str]:
    """Return the names that the app's installed packages read."""
    names = set()
    for path in site_packages.rglob("*.py"):
        parts = path.relative_to(site_packages).parts
        if parts[0] in INSTALLERS or "tests" in parts:
            continue
        source = path.read_text()
        if re.search(r"\b(environ|getenv|OTEL_|GUNICORN_|get_excluded|get_traced)", source):
            names |= set(names_read(source))
    for pattern, name in NATIVE.items():
        for library in site_packages.glob(pattern):
            found = re.findall(rb"(?<=\0)(?:" + name + rb")(?=\0)", library.read_bytes())
            names |= {each.decode() for each in found}
    return names - OF_SYSTEMD - OF_TERMINALS


def jaeger_names(usage: str) -> set[str]:
    """Return the names that Jaeger derives from its flags, and those that it lists by themselves.

    `usage` is the output of `jaeger-all-in-one help` and `jaeger-all-in-one env`.
    """
    flags = re.findall(r"^ +(?:-\w, )?--([\w.-]+)", usage, re.MULTILINE)
    listed = re.findall(r"^([A-Z_]+) string", usage, re.MULTILINE)
    return {re.sub("[.-]", "_", flag).upper() for flag in flags if flag != "help"} | set(listed)


# Of which parts the drop-in environment.conf of a role consists.
ENVIRONMENT_FILES = {
    "car_app": ["car_app/files/environment.conf"],
    "jaeger": ["common/files/environment_go.conf", "jaeger/files/environment.conf"],
    "otel_collector": ["common/files/environment_go.conf"],
    "prometheus": ["common/files/environment_go.conf"],
}


def unset_names(role: str) -> set[str]:
    """Return the names that a role's drop-in environment.conf unsets."""
    text = "".join((REPOSITORY / "roles" / path).read_text() for path in ENVIRONMENT_FILES[role])
    settings = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", "")
    return set(" ".join(re.findall(r"^UnsetEnvironment=(.+)", settings, re.MULTILINE)).split())

"""The proxy of the documentation: nginx takes its configuration, and keeps slow clients away."""

from __future__ import annotations

import re
import shutil
import socket
import ssl
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest
from tests.attack.test_slow_and_many import drip

DOCS = Path(__file__).parents[2] / "docs" / "api.md"
TOKEN = "a-token-that-is-long-enough"
pytestmark = pytest.mark.skipif(
    not shutil.which("nginx"), reason="nginx is not installed (Debian: nginx-light)"
)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture
def proxy(live, tmp_path):
    """The port of an nginx as documented, before a server."""
    server = live(token=TOKEN)
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=masks.example.org",
         "-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem"],
        capture_output=True,
    )  # fmt: skip
    if made.returncode:
        pytest.skip("openssl is not installed")
    port = free_port()
    (site,) = re.findall(r"```nginx\n(.*?)```", DOCS.read_text(), re.DOTALL)
    for old, new in (
        ("listen 443", f"listen 127.0.0.1:{port}"),
        ("/etc/ssl/masks.example.org.pem", str(tmp_path / "cert.pem")),
        ("/etc/ssl/masks.example.org.key", str(tmp_path / "key.pem")),
        ("127.0.0.1:8008", f"127.0.0.1:{server.port}"),
        ("client_header_timeout 10s", "client_header_timeout 1s"),
        ("client_body_timeout 20s", "client_body_timeout 1s"),
    ):
        assert old in site
        site = site.replace(old, new)
    temporary = "".join(
        f"{kind}_temp_path {tmp_path / kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (tmp_path / "nginx.conf").write_text(
        f"daemon off;\nuser root;\npid {tmp_path / 'pid'};\nerror_log {tmp_path / 'error.log'};\nevents {{}}\n"
        f"http {{\naccess_log off;\n{temporary}{site}}}\n"
    )
    command = ["nginx", "-p", tmp_path, "-c", tmp_path / "nginx.conf"]
    tested = subprocess.run([*command, "-t"], capture_output=True, text=True)
    assert tested.returncode == 0, tested.stderr
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    for _ in range(200):
        with socket.socket() as one:
            if not one.connect_ex(("127.0.0.1", port)):
                break
        time.sleep(0.05)
    yield port
    process.terminate()
    process.wait(10)


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def test_the_documented_proxy_passes_requests_on_and_keeps_slow_clients_away(proxy):
    def get(path: str, **headers: str) -> int:
        request = urllib.request.Request(f"https://127.0.0.1:{proxy}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, context=trusting(), timeout=10) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code

    assert get("/healthz") == 200
    assert get("/v1") == 401
    bearer = {"Authorization": f"Bearer {TOKEN}", "Host": "masks.example.org"}
    assert get("/v1", **bearer) == 200
    assert get("/v1/concepts", Origin="https://masks.example.org", **bearer) == 200
    assert get("/v1/concepts", Origin="https://evil.example", **bearer) == 403

    plain = socket.create_connection(("127.0.0.1", proxy))
    with trusting().wrap_socket(plain, server_hostname="masks.example.org") as one:
        one.sendall(b"GET / HTTP/1.1\r\n")
        assert drip(one, b"X: y\r\n", 20) < 15

"""``asgnet serve``: the page and the API on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from asgnet.errors import UsageError
from asgnet.faces.cli import console

if TYPE_CHECKING:
    import logging
    import socket

    from asgnet.faces.http.settings import Settings


_BACKLOG = 128
"""Connections that the system keeps until they are taken; so many are tried at once without file handles."""


def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen on. Others than this machine's need a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0: any that is free.")] = 8008,
    data_dir: Annotated[
        Path | None,
        typer.Option(help="Where everything is kept. Default: your own folder for programs' data."),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="ASGNET_TOKEN", help="What clients must show. Made if missing and --host is not local."
        ),
    ] = None,
    weights: Annotated[
        str | None, typer.Option(help="A weights folder or Hub name. Default: the installation's own.")
    ] = None,
    device: Annotated[str, typer.Option(help="Where the model runs: cpu, cuda, cuda:1 …")] = "cpu",
    workers: Annotated[
        int | None, typer.Option(min=2, max=64, help="Threads that compute. Default: one a core, 2 to 8.")
    ] = None,
    keep_days: Annotated[
        float, typer.Option(min=0.001, help="Remove jobs that nobody touched for so long.")
    ] = 7.0,
    max_gb: Annotated[
        float | None,
        typer.Option(min=0.001, help="Keep no more than so many GB. Default: what the disk holds."),
    ] = None,
    label_studio: Annotated[
        str | None, typer.Option(metavar="URL", help="Label Studio, to be its machine-learning backend.")
    ] = None,
    label_studio_key: Annotated[
        str | None, typer.Option(envvar="LABEL_STUDIO_API_KEY", help="Its access token, to fetch pictures.")
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Make a new index where it is missing, of the concepts' files.")
    ] = False,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open the page.")] = False,
) -> int:
    """Open a page that does the whole job, over an HTTP API that others can build on.

    asgnet serve

    asgnet serve --host 0.0.0.0 --no-browser --data-dir /srv/asgnet
    """
    _needs_extra()
    from dataclasses import replace

    from asgnet.faces.http.settings import SHORTEST_TOKEN, Settings
    from asgnet.serving.service import Bounds

    if token is not None and len(token) < SHORTEST_TOKEN:
        raise UsageError(f"The token is shorter than {SHORTEST_TOKEN} characters; give a longer one.")
    bounds = Bounds(days=keep_days, folder_bytes=None if max_gb is None else int(max_gb * 1e9))
    settings = Settings(
        data_dir or _home(), host, token, weights, device, bounds=bounds,
        label_studio=label_studio, label_studio_key=label_studio_key, repair=repair,
        **({} if workers is None else {"workers": workers}),
    )  # fmt: skip
    if not settings.local and token is None:
        import secrets

        settings = replace(settings, token=secrets.token_urlsafe(24))
        console.say("asgnet: reachable from other machines, so a token was made; --token sets your own.")
    return _run(settings, port, no_browser)


def _run(settings: Settings, port: int, no_browser: bool) -> int:
    import logging

    import uvicorn

    with _listening(settings.host, port) as listener:
        from asgnet.faces.http.app import create_app
        from asgnet.faces.http.connections import bounded, raise_handles
        from asgnet.faces.integrations import labelstudio

        app = create_app(settings, extensions=[labelstudio.install])
        config = uvicorn.Config(
            app, http=bounded(raise_handles()), ws="none", log_level="warning", access_log=False,
            server_header=False, timeout_graceful_shutdown=5, timeout_keep_alive=30,
            h11_max_incomplete_event_size=64 << 10, backlog=_BACKLOG,
        )  # fmt: skip
        logging.getLogger("uvicorn.error").addFilter(_worth_telling)
        server = uvicorn.Server(config)
        address = _address(settings, listener)
        loaded = app.state.service.loaded

        def told(future: Any) -> None:
            if future.cancelled() or future.exception() is not None:
                server.should_exit = True
                return
            console.say("asgnet: ready; Ctrl-C ends it.")
            if not no_browser:
                import webbrowser

                webbrowser.open(address)

        console.put(address)
        loaded.add_done_callback(told)
        server.run(sockets=[listener])
        if loaded.done() and not loaded.cancelled() and loaded.exception() is not None:
            raise loaded.exception()
    return 0


def _worth_telling(record: logging.LogRecord) -> bool:
    """Not that a request was still waited for when the server was ended."""
    from asyncio import CancelledError

    return not (record.exc_info and isinstance(record.exc_info[1], CancelledError))


def _listening(host: str, port: int) -> socket.socket:
    """A socket that is bound already, so that who asks too early waits, and a taken port is said in words."""
    import socket

    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        raise UsageError(
            f"{host}:{port} cannot be listened on ({error.strerror}); give another --port or --host."
        ) from error
    return listener


def _address(settings: Settings, listener: socket.socket) -> str:
    import socket

    host, port = listener.getsockname()[:2]
    host = socket.gethostname() if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host
    return f"http://{host}:{port}/" + (f"?token={settings.token}" if settings.token else "")


def _home() -> Path:
    return Path(typer.get_app_dir("asgnet")) / "serve"


def _needs_extra() -> None:
    from importlib.util import find_spec

    needed = ("fastapi", "uvicorn", "python_multipart", "prometheus_fastapi_instrumentator")
    missing = [name.replace("_", "-") for name in needed if not find_spec(name)]
    if missing:
        raise UsageError(f"asgnet serve needs {missing[0]}; install it with: pip install 'asgnet[serve]'")

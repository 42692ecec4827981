"""``python -m tests.attack.stub_server FOLDER LABEL_STUDIO``: a server with a network that takes no time.

Prints its port; it listens as ``asgnet serve`` does.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import uvicorn
from tests.attack.stub import Stub

from asgnet.faces.http.app import create_app
from asgnet.faces.http.connections import bounded, raise_handles
from asgnet.faces.http.settings import Settings
from asgnet.faces.integrations import labelstudio


def main(folder: str, label_studio: str) -> None:
    """Serve until killed."""
    settings = Settings(Path(folder), workers=2, label_studio=label_studio or None, label_studio_key="key")
    app = create_app(settings, Stub, [labelstudio.install])
    app.state.service.loaded.result(60)
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    http = bounded(raise_handles())
    config = uvicorn.Config(app, http=http, ws="none", log_level="warning", access_log=False, backlog=128)
    print(listener.getsockname()[1], flush=True)
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main(*sys.argv[1:])

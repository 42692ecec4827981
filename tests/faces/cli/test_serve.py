"""What asgnet serve makes of its options, and tells on stderr."""

import asyncio
import logging
import socket

import pytest

from asgnet.errors import UsageError
from asgnet.faces.cli import serve as serve_command
from asgnet.faces.cli.serve import _worth_telling

pytest.importorskip("fastapi", reason="asgnet serve is not installed: pip install 'asgnet[serve]'")


@pytest.fixture
def told(monkeypatch, tmp_path):
    """``(**options) -> settings`` that the command would have run with."""
    seen = []
    monkeypatch.setattr(serve_command, "_run", lambda settings, *_: seen.append(settings) or 0)

    def settings(**options):
        assert serve_command.serve(data_dir=tmp_path, **options) == 0
        return seen.pop()

    return settings


def test_it_listens_to_this_machine_alone_and_asks_for_no_token(told):
    settings = told()
    assert (settings.host, settings.local, settings.token) == ("127.0.0.1", True, None)


def test_who_listens_to_others_asks_for_a_token_that_is_made_if_none_is_given(told, capsys):
    made = {told(host="0.0.0.0").token for _ in range(2)}
    assert len(made) == 2
    assert min(map(len, made)) >= 24
    assert "a token was made" in capsys.readouterr().err
    assert told(host="0.0.0.0", token="of-my-own-choosing").token == "of-my-own-choosing"
    with pytest.raises(UsageError, match="shorter than 16 characters"):
        told(host="0.0.0.0", token="short")


def test_a_taken_port_is_said():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"127.0.0.1:{port} cannot be listened on"):
            serve_command._listening("127.0.0.1", port)


def test_the_address_it_prints_leads_a_browser_in(told):
    with serve_command._listening("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        assert serve_command._address(told(), listener) == f"http://127.0.0.1:{port}/"
        secret = told(token="of-my-own-choosing")
        assert (
            serve_command._address(secret, listener) == f"http://127.0.0.1:{port}/?token=of-my-own-choosing"
        )


@pytest.mark.parametrize(
    ("error", "told"), [(ValueError("x"), True), (asyncio.CancelledError("ended"), False), (None, True)]
)
def test_requests_that_the_end_cuts_off_make_no_traceback(error, told):
    cause = (type(error), error, None) if error else None
    record = logging.LogRecord("uvicorn.error", logging.ERROR, "", 1, "Exception in ASGI", (), cause)
    assert _worth_telling(record) is told

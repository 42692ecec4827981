"""``asgnet serve``: the page and the HTTP API; parse, call :mod:`asgnet.serving.service`, answer."""

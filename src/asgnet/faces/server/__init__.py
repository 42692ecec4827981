"""``asgnet serve``: the page and the HTTP API. Thin: parse, call :mod:`asgnet.apply.service`, answer."""

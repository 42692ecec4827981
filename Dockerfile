# asgnet serve, as a user that may write nothing but /data:
#   docker build -t asgnet .        (podman build -t asgnet .)
#   docker run --rm -p 127.0.0.1:8008:8008 -v asgnet:/data -e ASGNET_TOKEN=$(openssl rand -hex 16) asgnet
FROM python:3.12-slim

COPY . /source
RUN pip install --no-cache-dir -c /source/constraints.txt '/source[serve]' \
    && rm -rf /source \
    && useradd --uid 10001 --no-create-home --home-dir /data asgnet \
    && install -d -o asgnet -g asgnet /data
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 8008
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8008/readyz', timeout=4)"]
ENTRYPOINT ["asgnet", "serve", "--no-browser", "--host", "0.0.0.0", "--data-dir", "/data/asgnet"]

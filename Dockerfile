# Everything in one process:   docker run -p 8000:8000 -v afterimage:/data -e AFTERIMAGE_API_KEYS=tenant:key afterimage
FROM python:3.11-slim AS builder

ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_PROJECT_ENVIRONMENT=/opt/afterimage \
    UV_PYTHON_DOWNLOADS=never
RUN pip install --no-cache-dir uv==0.13.8

# Dependencies change seldom: they are a layer of their own.
WORKDIR /src
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-dev --no-cache --no-install-project
COPY README.md LICENSE ./
COPY service service
RUN uv sync --frozen --no-dev --no-cache --no-editable


FROM python:3.11-slim

ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Afterimage" \
      org.opencontainers.image.description="An image-job service for AI agents" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

RUN groupadd --gid 10001 afterimage \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin afterimage \
    && install --directory --owner=10001 --group=10001 --mode=0750 /data
COPY --from=builder /opt/afterimage /opt/afterimage

# The malloc thresholds keep bodies of some megabytes on the heap: without them glibc maps and clears fresh pages for
# each, which takes longer than decoding it. 32 MiB is the most that glibc accepts for the first.
ENV PATH=/opt/afterimage/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    MALLOC_MMAP_THRESHOLD_=33554432 \
    MALLOC_TRIM_THRESHOLD_=134217728 \
    AFTERIMAGE_HOST=0.0.0.0 \
    AFTERIMAGE_PORT=8000 \
    AFTERIMAGE_DATA_DIR=/data

# By number, so that Kubernetes can see that it is not root.
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM

HEALTHCHECK --interval=10s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import http.client, os; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['AFTERIMAGE_PORT']), timeout=3); c.request('GET', '/api/v1/health/live'); raise SystemExit(c.getresponse().status != 200)"]

ENTRYPOINT ["afterimage"]
CMD ["serve"]

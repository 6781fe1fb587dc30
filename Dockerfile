# The same build as `make setup`, without the tools of development.
#
#   docker build --tag pygateway .
#   docker run --publish 8000:8000 --volume ./gateway.yaml:/etc/pygateway/gateway.yaml:ro pygateway
#
# Inside of a container the configuration has to listen on 0.0.0.0, not on loopback.

ARG PYTHON=3.13
ARG RUST=1.90

FROM rust:${RUST}-slim-bookworm AS rust

FROM python:${PYTHON}-slim-bookworm AS build
COPY --from=rust /usr/local/cargo /usr/local/cargo
COPY --from=rust /usr/local/rustup /usr/local/rustup
ENV CARGO_HOME=/usr/local/cargo RUSTUP_HOME=/usr/local/rustup PATH=/usr/local/cargo/bin:$PATH
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
RUN python -m venv /opt/pygateway
WORKDIR /source
COPY Cargo.toml Cargo.lock pyproject.toml README.md ./
COPY rust rust
COPY pygateway pygateway
RUN /opt/pygateway/bin/pip install --no-cache-dir .

FROM python:${PYTHON}-slim-bookworm
COPY --from=build /opt/pygateway /opt/pygateway
ENV PATH=/opt/pygateway/bin:$PATH PYTHONDONTWRITEBYTECODE=1
RUN useradd --system --no-create-home --uid 10001 --shell /usr/sbin/nologin pygateway
USER 10001:10001
WORKDIR /etc/pygateway
EXPOSE 8000
STOPSIGNAL SIGTERM
# HEALTH_URL names another place where `listen` or `health_path` say so.
ENV HEALTH_URL=http://127.0.0.1:8000/health
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.build_opener(r.ProxyHandler({})).open(os.environ['HEALTH_URL'], timeout=2)"]
ENTRYPOINT ["pygateway"]
CMD ["run"]

# syntax=docker/dockerfile:1
# All of our programs in one image; docker-compose.yml says which one a container runs.

FROM rust:1.95.0-bookworm AS build
WORKDIR /src
COPY . .
# librdkafka builds with the compiler, make and zlib of the base image. The
# caches keep dependencies from one build of this image to the next.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --workspace --bins \
    && mkdir /programs \
    && find target/release -maxdepth 1 -type f -executable -exec cp {} /programs/ \;

FROM debian:12.12-slim
# curl is for the health checks; zlib is librdkafka's. Versions are the newest of
# the release: they are its security fixes.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates curl zlib1g \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --system --gid 10001 ordermill \
    && useradd --system --uid 10001 --gid 10001 --no-create-home ordermill
COPY --from=build /programs/ /usr/local/bin/
USER 10001:10001
WORKDIR /tmp
STOPSIGNAL SIGTERM
CMD ["ingest"]

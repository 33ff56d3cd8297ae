# The REST service. Two targets:
#
#   docker build -t rungs --target small .     HTTP tiers; nothing but the program
#   docker build -t rungs --target full .      with Chromium, tesseract and fonts
#
# Run it with a volume for the store and a file of keys:
#
#   docker run -p 8080:8080 -v rungs:/data -v ./keys.json:/etc/rungs/keys.json:ro rungs

# The same version as `rust-version` in Cargo.toml; a test compares the two.
FROM rust:1.92-slim-bookworm AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends build-essential \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN cargo build --profile dist --locked --features cli --bin rungs

FROM debian:bookworm-slim AS small
# tini is the first process: it passes signals on and takes in what the browser leaves behind.
RUN apt-get update \
 && apt-get install -y --no-install-recommends tini \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --home-dir /data --create-home rungs
COPY --from=build /src/target/dist/rungs /usr/local/bin/rungs
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/bin/tini", "--", "rungs"]
# A key is needed: it listens for everyone.
CMD ["serve", "--listen", "0.0.0.0:8080", "--store", "/data/store", "--api-keys", "/etc/rungs/keys.json"]

FROM small AS full
USER root
RUN apt-get update \
 && apt-get install -y --no-install-recommends chromium fonts-liberation fonts-noto-core \
      tesseract-ocr tesseract-ocr-deu \
 && rm -rf /var/lib/apt/lists/*
USER 10001

# The live dataflow. `docker compose up` (compose.yaml) runs it beside a broker.
FROM python:3.11-slim AS build
WORKDIR /build
COPY requirements.lock pyproject.toml README.md LICENSE ./
RUN python -m venv /opt/kizuna \
 && /opt/kizuna/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY config config
COPY pipelines pipelines
COPY schemas schemas
COPY scripts scripts
COPY sinks sinks
COPY transforms transforms
RUN /opt/kizuna/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.11-slim
COPY --from=build /opt/kizuna /opt/kizuna
RUN useradd --uid 10001 --create-home kizuna && install -d -o kizuna -g kizuna /data
USER kizuna
WORKDIR /data
ENV PATH=/opt/kizuna/bin:$PATH PYTHONUNBUFFERED=1
VOLUME /data
# The run finishes what is on its way, saves and ends with 0.
STOPSIGNAL SIGTERM
ENTRYPOINT ["kizuna"]
CMD ["run", "--kafka", "--output", "/data/out"]

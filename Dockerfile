# Targets: web (pages and API, without torch), worker, and gpu-worker.
#
# torch is taken from where pip finds the pinned version, on Linux a build for CUDA. The build
# argument TORCH_INDEX_URL names another index: one of CPU builds makes the worker image gigabytes
# smaller, one of a certain CUDA version suits an older driver. --build-context wheels=FOLDER gives
# wheels that need no index.
ARG PYTHON_VERSION=3.11

FROM scratch AS wheels

FROM python:${PYTHON_VERSION}-slim-bookworm AS base
ENV PATH=/opt/initscope/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1

FROM base AS build
ENV PIP_PYTHON=/opt/initscope/bin/python \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_ROOT_USER_ACTION=ignore \
    PIP_CONSTRAINT=/src/constraints.txt \
    PIP_BUILD_CONSTRAINT=/src/constraints.txt
WORKDIR /src
COPY pyproject.toml constraints.txt ./
RUN python -m venv --without-pip /opt/initscope \
 && python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" > dependencies.txt \
 && pip install --requirement dependencies.txt

# The app itself, with whole seconds as file times: they are part of the key of compiled kernels.
FROM build AS app
COPY LICENSE README.md ./
COPY app app
COPY static static
COPY templates templates
RUN pip install --no-deps . \
 && find /opt/initscope/lib/python*/site-packages/app -name '*.py' -exec touch --date=@1 {} + \
 && python -m compileall -q /opt/initscope/lib/python*/site-packages/app

FROM build AS torch
ARG TORCH_INDEX_URL=""
RUN python -c "import tomllib; extras = tomllib.load(open('pyproject.toml', 'rb'))['project']['optional-dependencies']; print(*extras['worker'], *extras['huggingface'], sep='\n')" > worker.txt
RUN --mount=type=bind,from=wheels,target=/wheels \
    pip install --find-links /wheels ${TORCH_INDEX_URL:+--extra-index-url "$TORCH_INDEX_URL"} --requirement worker.txt

FROM base AS service
ENV INITSCOPE_DATA_DIR=/data \
    HOME=/tmp
RUN useradd --system --uid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin initscope \
 && install --directory --owner=initscope --mode=0700 /data
WORKDIR /data
VOLUME /data
STOPSIGNAL SIGTERM

FROM service AS web
COPY --from=app /opt/initscope /opt/initscope
ENV INITSCOPE_HOST=0.0.0.0 \
    INITSCOPE_WORKERS=0
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["initscope", "serve"]

# Kernels are compiled for KERNEL_CPU and kept in the image, whose root may then be read-only.
# x86-64-v3 is every x86 server since 2015; for an ARM image take "generic".
FROM torch AS worker-build
ARG KERNEL_CPU=x86-64-v3
COPY --from=app /opt/initscope /opt/initscope
ENV NUMBA_CACHE_DIR=/opt/initscope/kernels \
    NUMBA_CPU_NAME=${KERNEL_CPU}
RUN python -c "import app.probe.kernels; from app.jobs import analysis, seeding; analysis.warm(); seeding.warm()"

FROM service AS worker
ARG KERNEL_CPU=x86-64-v3
COPY --from=worker-build /opt/initscope /opt/initscope
ENV NUMBA_CACHE_DIR=/opt/initscope/kernels \
    NUMBA_CPU_NAME=${KERNEL_CPU}
USER 10001
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["sh", "-c", "find /data/workers -name \"*$(hostname)-*\" -newermt '-30 seconds' | grep -q ."]
CMD ["initscope", "worker"]

FROM worker AS gpu-worker
CMD ["initscope", "worker", "--queue", "gpu", "--device", "cuda"]

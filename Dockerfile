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
 && pip install --requirement dependencies.txt \
 && find /opt/initscope/lib -type d -name tests -prune -exec rm -r {} +

# The app itself, alone in /only: an image of a new version shares its large layers with the last.
FROM build AS app
COPY LICENSE README.md ./
COPY app app
COPY static static
COPY templates templates
RUN pip install --no-deps .
WORKDIR /opt/initscope
RUN mkdir /only \
 && cp --archive --parents bin/initscope lib/python*/site-packages/app \
      lib/python*/site-packages/initscope-*.dist-info /only

FROM build AS torch
ARG TORCH_INDEX_URL=""
RUN python -c "import tomllib; extras = tomllib.load(open('pyproject.toml', 'rb'))['project']['optional-dependencies']; print(*extras['worker'], *extras['huggingface'], sep='\n')" > worker.txt
RUN --mount=type=bind,from=wheels,target=/wheels \
    pip install --find-links /wheels ${TORCH_INDEX_URL:+--extra-index-url "$TORCH_INDEX_URL"} --requirement worker.txt \
 && find /opt/initscope/lib -type d \( -name tests -o -path '*/torch/test' \) -prune -exec rm -r {} +

FROM base AS service
ENV INITSCOPE_DATA_DIR=/data \
    HOME=/tmp
RUN useradd --system --uid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin initscope \
 && install --directory --owner=initscope --mode=0700 /data
WORKDIR /data
VOLUME /data
STOPSIGNAL SIGTERM

FROM service AS web
COPY --from=build /opt/initscope /opt/initscope
COPY --from=app /only /opt/initscope
ENV INITSCOPE_HOST=0.0.0.0 \
    INITSCOPE_WORKERS=0
USER 10001
EXPOSE 8000
# By the one name that is answered whatever INITSCOPE_ALLOWED_HOSTS says: where it listens.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://0.0.0.0:8000/healthz', timeout=4)"]
CMD ["initscope", "serve"]

# Kernels are compiled for KERNEL_CPU alone, whatever the building machine has beyond it.
# x86-64-v3 is every x86 server since 2015; for an ARM image take "generic".
FROM torch AS kernels
ARG KERNEL_CPU=x86-64-v3
COPY --from=app /only /opt/initscope
ENV NUMBA_CACHE_DIR=/opt/initscope/kernels \
    NUMBA_CPU_NAME=${KERNEL_CPU} \
    NUMBA_CPU_FEATURES=""
RUN python -c "import app.probe.kernels; from app.jobs import analysis, seeding; analysis.warm(); seeding.warm()"

# numba takes no kernel from a folder that it cannot write to, so a start copies them (6 MB).
FROM service AS worker
ARG KERNEL_CPU=x86-64-v3
COPY --from=torch /opt/initscope /opt/initscope
COPY --from=app /only /opt/initscope
COPY --from=kernels /opt/initscope/kernels /opt/initscope/kernels
ENV NUMBA_CACHE_DIR=/tmp/kernels \
    NUMBA_CPU_NAME=${KERNEL_CPU} \
    NUMBA_CPU_FEATURES=""
USER 10001
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["sh", "-c", "find /data/workers -name \"*${INITSCOPE_MACHINE:-$(hostname)}-*\" -newermt '-30 seconds' | grep -q ."]
ENTRYPOINT ["sh", "-c", "cp --recursive /opt/initscope/kernels /tmp && exec \"$@\"", "start"]
CMD ["initscope", "worker"]

FROM worker AS gpu-worker
CMD ["initscope", "worker", "--queue", "gpu", "--device", "cuda"]

# Every image of dltpod, from one file; the launcher says which stage, and which image a stage stands on.
#
#   default      Python, uv and the default dlt: made once per Python version, shared by all
#   system       the Debian packages of an environment
#   fetched      what a build of packages needs, with credentials: clones of git requirements, and what build
#                requirements name. Nothing of it is run
#   built        wheels of what has none: local packages, git requirements, sdists. The one step that runs foreign
#                code: it has no cache that another build reads, and no credentials
#   environment  what one source's environment adds: one layer, from wheels alone, and none where it adds nothing
#   locked       a lock, resolved from wheels alone; lockedsdists where sdists have to be built for it, as in built,
#                which is done only where no index asks for credentials
#   packages     what an environment holds, as a file for the launcher
#   source       the runner, last and thin, so that a new dltpod rebuilds no environment
#   deploy       the project's custom_sources baked in, for registries
#
# It needs no newer builder than Docker Engine 20.10's. The mounts lie below /dev, which is in memory during a
# build, so that no layer keeps even their empty mount points: index addresses, credentials and certificates
# come and go with the step that uses them.
ARG BASE_IMAGE=python:3.13-slim
ARG DEFAULT=default
ARG SYSTEM=system
ARG BUILT=built
ARG ENVIRONMENT=environment
ARG SOURCE=source

FROM ${BASE_IMAGE} AS default
ARG PYTHON=3.13
ARG SOURCE_DATE_EPOCH=0
RUN --mount=type=bind,source=assets,target=/dev/dltpod/assets \
    --mount=type=cache,id=dltpod-uv,target=/dev/dltpod/cache \
    --mount=type=secret,id=settings,target=/dev/dltpod/settings \
    --mount=type=secret,id=pip,target=/dev/dltpod/pip \
    --mount=type=secret,id=ca,target=/dev/dltpod/ca.pem \
    --mount=type=secret,id=uv_toml,target=/dev/dltpod/uv.toml \
    /bin/sh /dev/dltpod/assets/default.sh
ENV PATH=/opt/venv/bin:$PATH PYTHONPATH=/opt/dltpod PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /opt/dltpod

FROM ${DEFAULT} AS system
ARG SOURCE_DATE_EPOCH=0
RUN --mount=type=bind,source=assets,target=/dev/dltpod/assets \
    --mount=type=bind,source=environment/system.txt,target=/dev/dltpod/environment/system.txt \
    --mount=type=cache,id=dltpod-apt,target=/dev/dltpod/apt \
    /bin/sh /dev/dltpod/assets/system.sh

FROM ${SYSTEM} AS fetched
ARG MOMENT=
RUN --mount=type=bind,source=assets,target=/dev/dltpod/assets \
    --mount=type=bind,source=environment,target=/dev/dltpod/environment \
    --mount=type=cache,id=dltpod-uv,target=/dev/dltpod/cache \
    --mount=type=secret,id=settings,target=/dev/dltpod/settings \
    --mount=type=secret,id=ca,target=/dev/dltpod/ca.pem \
    --mount=type=secret,id=git_logins,target=/dev/dltpod/git_logins \
    --mount=type=secret,id=uv_toml,target=/dev/dltpod/uv.toml \
    --mount=type=secret,id=uv_toml_closed,target=/dev/dltpod/uv_closed.toml \
    /bin/sh /dev/dltpod/assets/fetched.sh

FROM ${SYSTEM} AS built
RUN --mount=type=bind,source=assets,target=/dev/dltpod/assets \
    --mount=type=bind,rw,source=environment,target=/dev/dltpod/environment \
    --mount=type=bind,rw,from=fetched,source=/opt/dltpod,target=/dev/dltpod/fetched \
    --mount=type=secret,id=settings_open,target=/dev/dltpod/settings \
    --mount=type=secret,id=uv_toml_open,target=/dev/dltpod/uv.toml \
    --mount=type=secret,id=ca,target=/dev/dltpod/ca.pem \
    /bin/sh /dev/dltpod/assets/built.sh

FROM ${BUILT} AS wheels

FROM ${SYSTEM} AS environment
ARG SOURCE_DATE_EPOCH=0
RUN --mount=type=bind,source=assets,target=/dev/dltpod/assets \
    --mount=type=bind,rw,source=environment,target=/dev/dltpod/environment \
    --mount=type=bind,from=wheels,source=/opt/dltpod,target=/dev/dltpod/wheels \
    --mount=type=cache,id=dltpod-uv,target=/dev/dltpod/cache \
    --mount=type=secret,id=settings,target=/dev/dltpod/settings \
    --mount=type=secret,id=ca,target=/dev/dltpod/ca.pem \
    --mount=type=secret,id=uv_toml,target=/dev/dltpod/uv.toml \
    /bin/sh /dev/dltpod/assets/environment.sh

FROM ${SYSTEM} AS locked
ARG MOMENT=
RUN --mount=type=bind,source=assets,target=/dev/dltpod/assets \
    --mount=type=bind,rw,source=environment,target=/dev/dltpod/environment \
    --mount=type=bind,from=wheels,source=/opt/dltpod,target=/dev/dltpod/wheels \
    --mount=type=cache,id=dltpod-uv,target=/dev/dltpod/cache \
    --mount=type=secret,id=settings,target=/dev/dltpod/settings \
    --mount=type=secret,id=ca,target=/dev/dltpod/ca.pem \
    --mount=type=secret,id=uv_toml,target=/dev/dltpod/uv.toml \
    /bin/sh /dev/dltpod/assets/locked.sh --no-build

FROM ${SYSTEM} AS lockedsdists
ARG MOMENT=
RUN --mount=type=bind,source=assets,target=/dev/dltpod/assets \
    --mount=type=bind,rw,source=environment,target=/dev/dltpod/environment \
    --mount=type=bind,from=wheels,source=/opt/dltpod,target=/dev/dltpod/wheels \
    --mount=type=secret,id=settings_open,target=/dev/dltpod/settings \
    --mount=type=secret,id=uv_toml_open,target=/dev/dltpod/uv.toml \
    --mount=type=secret,id=ca,target=/dev/dltpod/ca.pem \
    /bin/sh /dev/dltpod/assets/locked.sh

FROM scratch AS lock
COPY --from=locked /opt/dltpod/lock/ /

FROM scratch AS locksdists
COPY --from=lockedsdists /opt/dltpod/lock/ /

FROM ${ENVIRONMENT} AS told
FROM scratch AS packages
# A pattern, because that may match nothing: an image from elsewhere may lack the file.
COPY --from=told /opt/dltpod/packages.jso[n] /

FROM ${ENVIRONMENT} AS source
ARG SOURCE_DATE_EPOCH=0
RUN --mount=type=bind,source=assets,target=/dev/dltpod/assets \
    --mount=type=bind,source=runner,target=/dev/dltpod/runner \
    /bin/sh /dev/dltpod/assets/code.sh /dev/dltpod/runner /opt/dltpod/dltpod_runner
USER 65532:65532
CMD ["/opt/venv/bin/python", "-S", "-m", "dltpod_runner"]

FROM ${SOURCE} AS deploy
ARG SOURCE_DATE_EPOCH=0
USER 0:0
RUN --mount=type=bind,source=assets,target=/dev/dltpod/assets \
    --mount=type=bind,source=custom_sources,target=/dev/dltpod/custom_sources \
    /bin/sh /dev/dltpod/assets/code.sh /dev/dltpod/custom_sources /opt/custom_sources
USER 65532:65532

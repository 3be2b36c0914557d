# syntax=docker/dockerfile:1
# The image holds Millrace and no job: add yours on top (docs/deploy.md), or mount a folder at /app/jobs.
# Debian and not Alpine: glibc is what the packages with binaries are tried with.

FROM node:22-bookworm-slim AS packages
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
COPY packages/core/package.json packages/core/
COPY packages/sdk/package.json packages/sdk/
COPY packages/server/package.json packages/server/
COPY packages/dashboard/package.json packages/dashboard/
COPY examples/package.json examples/
RUN ["npm", "ci", "--no-fund", "--no-audit"]

FROM packages AS build
COPY tsconfig.base.json ./
COPY packages packages
RUN ["node_modules/.bin/tsc", "-b", "packages/server"]
RUN ["node", "packages/dashboard/build.mjs"]

# Again without tools, and without the embedded PostgreSQL: a container has a server of its own.
FROM packages AS runtime
RUN ["npm", "ci", "--no-fund", "--no-audit", "--omit=dev", "--omit=optional", "--workspace=millrace", "--include-workspace-root=false"]
# The clients of brokers, of S3 and of managers of secrets, and what sends traces, of which each process loads those that it is told. Versions as in package-lock.json.
RUN ["npm", "install", "--no-fund", "--no-audit", "--no-save", "--no-package-lock", "--omit=dev", "--omit=optional", "--prefix=/build/brokers", "ioredis@6.0.0", "amqplib@2.3.1", "@aws-sdk/client-sqs@3.1169.0", "@aws-sdk/client-s3@3.1175.0", "@aws-sdk/client-secrets-manager@3.1164.0", "google-auth-library@10.9.1", "@azure/identity@4.13.0", "@opentelemetry/context-async-hooks@2.12.0", "@opentelemetry/core@2.12.1", "@opentelemetry/exporter-trace-otlp-proto@0.223.1", "@opentelemetry/resources@2.12.1", "@opentelemetry/sdk-trace@2.12.1"]

FROM node:22-bookworm-slim
ENV NODE_ENV=production \
    PATH=/app/node_modules/.bin:/usr/local/bin:/usr/bin:/bin \
    MILLRACE_HOME=/tmp/millrace \
    MILLRACE_HOST=0.0.0.0 \
    MILLRACE_PROBE_HOST=0.0.0.0 \
    MILLRACE_PROBE_PORT=9464
WORKDIR /app
COPY --from=runtime /build/node_modules node_modules
COPY --from=runtime /build/brokers/node_modules packages/node_modules
COPY --from=build /build/packages/core packages/core
COPY --from=build /build/packages/sdk packages/sdk
COPY --from=build /build/packages/server/bin packages/server/bin
COPY --from=build /build/packages/server/dist packages/server/dist
COPY --from=build /build/packages/server/src/store/migrations packages/server/src/store/migrations
COPY --from=build /build/packages/server/package.json packages/server/
COPY deploy/healthcheck.mjs /app/healthcheck.mjs
# The account `node` of the base image, by number: Kubernetes checks that it is not root.
USER 1000:1000
EXPOSE 4700 9464
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=6s --start-period=30s --retries=3 CMD ["node", "/app/healthcheck.mjs"]
ENTRYPOINT ["node", "/app/packages/server/bin/millrace.mjs"]
CMD ["worker", "--jobs", "/app/jobs"]

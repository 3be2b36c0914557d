"""The Celery application of the benchmark: one task that does nothing, on Redis, acknowledged late."""

import os
import time

import redis
from celery import Celery

URL = os.environ["BENCH_REDIS_URL"]

app = Celery("bench", broker=URL, backend=URL)
app.conf.update(
    task_acks_late=True,
    worker_prefetch_multiplier=100,
    task_serializer="json",
    result_serializer="json",
    accept_content=["json"],
    broker_connection_retry_on_startup=True,
    # Both cost throughput, and nobody listens.
    worker_send_task_events=False,
    task_send_sent_event=False,
)

FIRST_START = "bench:first-start"
_started = False


@app.task(name="noop")
def noop(order):
    """Answers what the others answer; where latency is measured, when it started."""
    global _started
    now = time.monotonic() * 1000
    if not _started:
        _started = True
        redis.Redis.from_url(URL).setnx(FIRST_START, now)
    return {"ok": True, "startedAt": now} if "sentAt" in order else {"ok": True}

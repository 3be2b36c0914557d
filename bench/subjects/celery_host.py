"""The process of the subject Celery: does what contract.ts and host.ts describe, over the wire of wire.ts."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback

import redis

WIRE_FD = 3
FOLDER = os.path.dirname(os.path.abspath(__file__))
PYTHON = sys.executable


def now():
    return time.monotonic() * 1000


class Host:
    def __init__(self):
        self.worker = None
        self.sent = 0
        self.done_before = 0

    def open(self, url, first, input_bytes):
        os.environ["BENCH_REDIS_URL"] = url
        sys.path.insert(0, FOLDER)
        import celery_app

        self.app = celery_app.app
        self.task = celery_app.noop
        self.first_start = celery_app.FIRST_START
        self.redis = redis.Redis.from_url(url)
        note = "".join(random.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=max(0, input_bytes - 75)))
        self.input = {"order": "a4c1d9e0-77b2-4f0e-9d5c-2f6f6c1e8b11", "customer": 48213, "note": note}

    def enqueue(self, count):
        started_at = now()
        # Celery has no bulk call; a producer that is kept open is what its documentation advises.
        with self.app.producer_or_acquire() as producer:
            for _ in range(count):
                self.task.apply_async((self.input,), producer=producer)
        self.sent += count
        return now() - started_at

    def single(self, callers, count):
        started_at = now()

        def caller(share):
            for _ in range(share):
                self.task.apply_async((self.input,))

        threads = [threading.Thread(target=caller, args=(count // callers,)) for _ in range(callers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.sent += count // callers * callers
        return now() - started_at

    def work(self):
        self.redis.delete(self.first_start)
        self.done_before = self.sent - self.unfinished()
        self.worker = subprocess.Popen(
            [PYTHON, "-m", "celery", "-A", "celery_app", "worker", "--pool", "solo", "--loglevel", "ERROR"]
            + ["--without-gossip", "--without-mingle", "--without-heartbeat"],
            cwd=FOLDER,
            stdout=subprocess.DEVNULL,
            stderr=sys.stderr,
        )

    def rest(self):
        if self.worker:
            self.worker.send_signal(signal.SIGTERM)
            self.worker.wait()
            self.worker = None

    def unfinished(self):
        # What waits, and what a worker holds unacknowledged; acknowledging late is after the result is stored.
        return self.redis.llen("celery") + self.redis.hlen("unacked")

    def progress(self):
        first = self.redis.get(self.first_start)
        handled = self.sent - self.unfinished() - self.done_before
        return {"handled": handled, "firstStartAt": float(first) if first else None}

    def drained(self):
        while True:
            asked_at = now()
            if self.unfinished() == 0:
                return asked_at
            time.sleep(0.001)

    def steady(self, count, chunk):
        started_at = now()
        target = self.sent + count
        while self.sent < target:
            while self.unfinished() > 4 * chunk:
                time.sleep(0.001)
            self.enqueue(min(chunk, target - self.sent))
        return self.drained() - started_at

    def singleWorking(self, callers, count):
        started_at = now()
        self.single(callers, count)
        return self.drained() - started_at

    def measured(self):
        sent_at = now()
        result = self.task.apply_async(({**self.input, "sentAt": sent_at},))
        self.sent += 1
        return sent_at, result

    def latencyIdle(self, count):
        latencies = []
        for _ in range(count):
            sent_at, result = self.measured()
            latencies.append(result.get(interval=0.001)["startedAt"] - sent_at)
            time.sleep(random.uniform(0.005, 0.015))
        return latencies

    def latencyPaced(self, per_second, seconds):
        started_at = now()
        results = []
        for n in range(int(per_second * seconds)):
            time.sleep(max(0, started_at + n * 1000 / per_second - now()) / 1000)
            results.append(self.measured())
        return [result.get()["startedAt"] - sent_at for sent_at, result in results]

    def close(self):
        self.rest()


def main():
    host = Host()
    with socket.socket(fileno=WIRE_FD) as wire, wire.makefile("rw", encoding="utf-8") as lines:
        try:
            for line in lines:
                call = json.loads(line)
                try:
                    answer = {"id": call["id"], "result": getattr(host, call["method"])(*call["params"])}
                except Exception:
                    answer = {"id": call["id"], "error": traceback.format_exc()}
                lines.write(json.dumps(answer) + "\n")
                lines.flush()
        finally:
            host.rest()


main()

"""Pods deleted at random while others look away."""

from __future__ import annotations

import random
import threading
from types import TracebackType

from chart.e2e.cluster import Cluster, Failed

# Not PostgreSQL: the trial has one, and without it nobody can answer.
COMPONENTS = ("leads", "sales", "marketing", "service-desk", "gateway", "nats")


class Chaos:
    """Deletes one pod after the other for as long as the block runs; waits each time until nothing of that component is
    missing any more, as a disruption budget would.
    """

    def __init__(self, cluster: Cluster, seed: int) -> None:
        self._cluster = cluster
        self._random = random.Random(seed)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self._fault: Failed | None = None
        self.deleted: list[str] = []

    def __enter__(self) -> Chaos:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, _: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()
        if self._fault is not None and fault is None:
            raise self._fault

    def _work(self) -> None:
        try:
            while not self._stop.wait(2):
                self._delete_one()
        except Failed as fault:  # raised again by the thread that began this
            self._fault = fault

    def _delete_one(self) -> None:
        component = self._random.choice(COMPONENTS)
        names = [pod["metadata"]["name"] for pod in self._cluster.pods(component)]
        if not names:
            return
        name = self._random.choice(sorted(names))
        self._cluster.kubectl("delete", "pod", name, "--wait=false")
        self.deleted.append(component)
        self._cluster.settle()

"""`/metrics`, `/healthz` and `/readyz` as a monitor asks for them, over HTTP."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from prometheus_client import CollectorRegistry, Gauge

from deploy.health import SILENT_S, START_LIMIT_S, Health, gauge_says_ready, serving_health
from deploy.stop_wish import StopWish
from schemas.errors import SettingsError


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Service:
    port: int
    clock: Clock
    stop: StopWish
    missing: list[str]
    registry: CollectorRegistry = field(repr=False)

    def get(self, path: str, method: str = "GET") -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()


@pytest.fixture
def service() -> Iterator[Service]:
    clock, missing, registry = Clock(), [], CollectorRegistry()
    stop = StopWish(clock)
    health = Health(stop, lambda: missing)
    with serving_health("127.0.0.1", 0, health, registry) as port:
        yield Service(port, clock, stop, missing, registry)


def test_a_loop_that_asks_whether_to_stop_is_alive(service: Service) -> None:
    for _ in range(5):
        service.stop.is_set()
        service.clock.now_s += SILENT_S
        assert service.get("/healthz") == (200, "alive\n")
        service.stop.wait(0)


def test_a_loop_that_stands_still_is_not_alive(service: Service) -> None:
    service.stop.wait(0)
    service.clock.now_s += SILENT_S + 5

    assert service.get("/healthz") == (503, "its loop stands still for 65 s\n")


def test_another_thread_that_asks_is_no_sign_of_life(service: Service) -> None:
    service.stop.wait(0)
    service.clock.now_s += SILENT_S + 5
    other = threading.Thread(target=service.stop.is_set)
    other.start()
    other.join()

    assert service.get("/healthz")[0] == 503


def test_a_start_may_take_longer(service: Service) -> None:
    service.clock.now_s += START_LIMIT_S
    assert service.get("/healthz")[0] == 200
    service.clock.now_s += 1

    assert service.get("/healthz") == (503, "its loop has not begun for 601 s\n")


def test_readiness_says_all_that_is_missing(service: Service) -> None:
    assert service.get("/readyz") == (200, "ready\n")
    service.missing += ["group 1 (c1) is being started", "the faces server does not answer"]

    assert service.get("/readyz") == (
        503,
        "group 1 (c1) is being started\nthe faces server does not answer\n",
    )


def test_metrics_are_those_of_the_registry(service: Service) -> None:
    Gauge("facepose_test_height", "A height", registry=service.registry).set(7)
    status, text = service.get("/metrics")

    assert status == 200
    assert "facepose_test_height 7.0" in text.splitlines()


def test_an_unknown_page_names_those_that_there_are(service: Service) -> None:
    status, text = service.get("/")
    assert status == 404
    assert "/readyz" in text


def test_somebody_who_connects_and_says_nothing_holds_up_nobody(service: Service) -> None:
    with socket.create_connection(("127.0.0.1", service.port)):
        assert service.get("/readyz") == (200, "ready\n")


def test_readiness_by_a_gauge(service: Service) -> None:
    missing = gauge_says_ready("facepose_test_ready", service.registry)
    assert missing() == ["the service is starting"]
    gauge = Gauge("facepose_test_ready", "Ready", registry=service.registry)
    assert len(missing()) == 1
    gauge.set(1)
    assert missing() == []


def test_a_port_in_use_names_the_setting(service: Service) -> None:
    health = Health(service.stop, list)
    with (
        pytest.raises(SettingsError, match=f"FACEPOSE_METRICS_PORT: port {service.port} on"),
        serving_health("127.0.0.1", service.port, health),
    ):
        pass


def test_the_wish_to_stop_is_an_event() -> None:
    stop = StopWish()
    assert not stop.is_set()
    assert not stop.wait(0)
    stop.set()
    assert stop.wait()
    assert stop.is_set()

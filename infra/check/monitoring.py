#!/usr/bin/env python3
"""Loads a server a little and asks Prometheus every expression of the dashboards and alerts.

monitoring.py URL PROMETHEUS DASHBOARDS ALERTS

An expression passes when it returns at least one number. Of an alert, which returns nothing as long as all is
well, the part before its threshold is asked; so each has to be of the form `something <comparison> number`.
Dashboard variables are replaced: a query variable by each value that it would offer, $__rate_interval by a
time that fits the scrapes of this run.
"""

import itertools
import json
import os
import pathlib
import re
import socket
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

# Chats and users are spread over the cores by their ids: of so many, each core gets some.
CHATS = 24
USERS = 24
POSTS_A_SECOND = 200
RATE_INTERVAL = "10s"
LOAD_SECONDS = 60
TIMEOUT_SECONDS = 5

THRESHOLD = re.compile(r"^(?P<inner>.+) (?:==|!=|>=?|<=?) [-+.e\d]+$")
METRIC = re.compile(r"\b(?:rookery|consumer|chat)_[a-z_]+")
SERIES_SUFFIX = re.compile(r"_(?:bucket|sum|count)$")
# Metrics that the load here does not bring about, or not on each core.
UNMET = {"rookery_limits_met_total", "rookery_security_events_total"}


def call(url, body=None, caller=None):
    headers = {"Content-Type": "application/json", **(identity(caller) if caller else {})}
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(
        urllib.request.Request(url, data, headers), timeout=TIMEOUT_SECONDS
    ) as answer:
        return json.load(answer)


def identity(user):
    """Headers for both of --auth token and trust, which looks at the cookie alone."""
    return {"Authorization": f"Bearer {user['token']}", "Cookie": f"user_id={user['user_id']}"}


class Load:
    """Users who are all connected and members of all chats, and posts into one chat after the other."""

    def __init__(self, url):
        self.url = url
        self.over = threading.Event()
        self.failure = None
        run = os.urandom(4).hex()
        users = [self.user(f"monitoring-{run}-{number}") for number in range(USERS)]
        self.sender = users[0]
        members = [user["user_id"] for user in users]
        self.sockets = [self.listen(user) for user in users]
        self.chats = [
            call(f"{url}/chats", {"name": f"c{number}", "members": members}, self.sender)["chat_id"]
            for number in range(CHATS)
        ]
        self.threads = [threading.Thread(target=self.post), threading.Thread(target=self.read)]
        for thread in self.threads:
            thread.start()

    def user(self, name):
        credentials = {"username": name, "password": "correct horse battery staple"}
        call(f"{self.url}/users", credentials)
        return call(f"{self.url}/login", credentials)

    def listen(self, user):
        address = urllib.parse.urlsplit(self.url)
        peer = socket.create_connection((address.hostname, address.port), TIMEOUT_SECONDS)
        headers = {
            "Host": address.netloc,
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "cm9va2VyeS1tb25pdG9yaQ==",
            **identity(user),
        }
        lines = [f"GET /ws/connect/{user['user_id']} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        peer.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        answer = peer.recv(4096)
        if b" 101 " not in answer.split(b"\r\n")[0]:
            raise SystemExit(f"no WebSocket: {answer.decode(errors='replace')}")
        peer.setblocking(False)
        return peer

    def post(self):
        try:
            for number in itertools.count():
                if self.over.wait(1 / POSTS_A_SECOND):
                    return
                chat = self.chats[number % len(self.chats)]
                call(f"{self.url}/chats/{chat}/messages", {"content": "hello"}, self.sender)
        except OSError as error:
            self.failure = error

    # What they get does not matter, but who reads nothing is disconnected.
    def read(self):
        while not self.over.wait(0.1):
            for peer in self.sockets:
                try:
                    while peer.recv(1 << 16):
                        pass
                except BlockingIOError:
                    pass

    def end(self):
        self.over.set()
        for thread in self.threads:
            thread.join()
        for peer in self.sockets:
            peer.close()


class Prometheus:
    def __init__(self, url):
        self.url = url

    def get(self, path, **parameters):
        return call(f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}")["data"]

    def numbers(self, expression):
        """How many series have a number, which NaN, the quantile of nothing, is not."""
        try:
            result = self.get("query", query=expression)["result"]
        except urllib.error.HTTPError as error:
            raise SystemExit(f"{expression}\n  {json.load(error)['error']}") from error
        return sum(series["value"][1] != "NaN" for series in result)

    def values(self, label, selector):
        return self.get(f"label/{label}/values", **{"match[]": selector})


class Dashboard:
    def __init__(self, path):
        self.text = json.loads(path.read_text())
        self.name = path.name

    def panels(self):
        for panel in self.text["panels"]:
            yield panel
            yield from panel.get("panels", [])

    def variables(self, prometheus):
        """Each combination of what the query variables offer, in their order: later ones use earlier ones."""
        combinations = [{"__rate_interval": RATE_INTERVAL}]
        for variable in self.text["templating"]["list"]:
            if variable["type"] != "query":
                continue
            query = re.fullmatch(r"label_values\((.+), *(\w+)\)", variable["query"]["query"])
            combinations = [
                {**known, variable["name"]: value}
                for known in combinations
                for value in prometheus.values(query[2], fill_in(query[1], known))
            ]
        return combinations

    def expressions(self, prometheus):
        combinations = self.variables(prometheus)
        if not combinations:
            raise SystemExit(f"{self.name}: its variables have no values")
        for panel in self.panels():
            for target in panel.get("targets", []):
                for known in combinations:
                    yield f"{self.name}, {panel['title']}", fill_in(target["expr"], known)

    def flaws(self):
        """What Grafana would show wrongly, or not at all, without a word."""
        ids = [panel["id"] for panel in self.panels()]
        if len(set(ids)) != len(ids):
            yield f"{self.name}: two panels have one id"
        known = {variable["name"] for variable in self.text["templating"]["list"]}
        for used in set(re.findall(r"\$\{?(\w+)", json.dumps(self.text))):
            if used not in known and not used.startswith("__"):
                yield f"{self.name}: there is no variable ${used}"
        taken = {}
        for panel in self.panels():
            grid = panel["gridPos"]
            for cell in itertools.product(
                range(grid["x"], grid["x"] + grid["w"]), range(grid["y"], grid["y"] + grid["h"])
            ):
                if cell[0] >= 24 or cell in taken:
                    yield f"{self.name}: {panel['title']} lies on {taken.get(cell, 'nothing')}"
                    break
                taken[cell] = panel["title"]


def fill_in(text, known):
    for name, value in known.items():
        text = text.replace(f"${{{name}}}", value).replace(f"${name}", value)
    return text


def alerts(path):
    """The alerts' expressions without their thresholds. Each is a line of its own: no YAML parser is needed."""
    rules = re.findall(r"- alert: (.+)\n +expr: (.+)\n", path.read_text())
    if not rules:
        raise SystemExit(f"{path} has no alerts")
    for name, expression in rules:
        threshold = THRESHOLD.match(expression)
        if not threshold:
            raise SystemExit(f"alert {name} does not end in a threshold: {expression}")
        yield f"alert {name}", threshold["inner"]


def missing_metrics(expressions, url):
    with urllib.request.urlopen(f"{url}/metrics", timeout=TIMEOUT_SECONDS) as answer:
        known = set(re.findall(r"^# TYPE (\S+)", answer.read().decode(), re.MULTILINE))
    # These come with the first of them, which a healthy server may never have.
    known |= {"rookery_connections_closed_total", "rookery_refusals_total"} | UNMET
    for where, expression in expressions:
        for metric in METRIC.findall(expression):
            if metric not in known and SERIES_SUFFIX.sub("", metric) not in known:
                yield f"{where}: there is no metric {metric}"


def rules(prometheus):
    """Prometheus's own opinion of the rules, once it has evaluated them."""
    groups = prometheus.get("rules")["groups"]
    return [rule for group in groups for rule in group["rules"]]


def main():
    url, prometheus_url, dashboards, alert_file = sys.argv[1:]
    prometheus = Prometheus(prometheus_url)
    boards = [Dashboard(path) for path in sorted(pathlib.Path(dashboards).glob("*.json"))]
    try:
        load = Load(url)
    except OSError as error:
        raise SystemExit(f"{url} can't be loaded: {error}") from error
    until = time.monotonic() + LOAD_SECONDS
    try:
        while prometheus.numbers('up{job="rookery"} == 1') == 0:
            if time.monotonic() > until:
                raise SystemExit("Prometheus can't scrape the server")
            time.sleep(0.5)
        expressions = list(alerts(pathlib.Path(alert_file)))
        for board in boards:
            expressions += board.expressions(prometheus)
        failures = [flaw for board in boards for flaw in board.flaws()]
        failures += missing_metrics(expressions, url)
        wanted = [(at, what) for at, what in expressions if not UNMET.intersection(METRIC.findall(what))]
        waiting = wanted
        while waiting and time.monotonic() < until and not load.failure:
            time.sleep(1)
            waiting = [(at, what) for at, what in waiting if prometheus.numbers(what) == 0]
        unknown = [rule for rule in rules(prometheus) if rule["health"] == "unknown"]
        while unknown and time.monotonic() < until:
            time.sleep(1)
            unknown = [rule for rule in rules(prometheus) if rule["health"] == "unknown"]
    finally:
        load.end()
    if load.failure:
        raise SystemExit(f"the load ended: {load.failure}")
    failures += [f"{where}: no data: {what}" for where, what in waiting]
    failures += [
        f"alert {rule['name']}: {rule['health']} {rule.get('lastError', '')}"
        for rule in rules(prometheus)
        if rule["health"] != "ok"
    ]
    failures += [
        f"alert {rule['name']}: it fires, on a healthy server"
        for rule in rules(prometheus)
        if rule["state"] == "firing"
    ]
    for failure in failures:
        print(failure, file=sys.stderr)
    print(f"monitoring: {len(wanted) - len(waiting)} of {len(wanted)} expressions have data")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()

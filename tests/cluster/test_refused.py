"""Bad input: one line that says what is wrong, exit 1, and nothing written."""

from __future__ import annotations

import socket
import sys
import threading
from contextlib import closing, contextmanager

import pytest
from command import RUNTIME

from tritspike.runtime import install
from tritspike.runtime.cluster import connect
from tritspike.runtime.cluster.ordered import ordered
from tritspike.runtime.cluster.place import Scheduler, place
from tritspike.runtime.errors import ClusterError, InputError


@pytest.fixture()
def refusal(shell, place, tmp_path):
    """Of `evaluate` with these options."""

    def refused(*options: object) -> str:
        asked = ("evaluate", place / "sst2.tsp", "--task", "sst2", "--data", place, "--json", tmp_path / "out.json")
        return shell.refusal(RUNTIME, *asked, *options)

    return refused


@pytest.fixture()
def distributed():
    return pytest.importorskip("distributed", reason="distributed is not installed")


def _free() -> int:
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@contextmanager
def _listening(answer: bytes):
    """Something that is no scheduler."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def serve() -> None:
            while True:
                try:
                    taken, _ = server.accept()
                except OSError:
                    return
                with taken:
                    taken.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]


@pytest.mark.parametrize(
    "word, said",
    [
        ("somewhere", "no address"),
        ("", "no address"),
        (":8786", "no address"),
        ("tcp://host:8786", "no address"),
        ("host:", "port '', allowed 1..65535"),
        ("host:http", "port 'http', allowed 1..65535"),
        ("host:0", "port '0'"),
        ("host:65536", "port '65536'"),
        ("host:-1", "port '-1'"),
        ("host:٣", "port '٣'"),
        (f"host:{'9' * 5000}", "port '999"),
    ],
)
def test_an_address_that_is_none(word, said):
    with pytest.raises(InputError, match="--cluster") as refused:
        place(word)
    assert said in str(refused.value) and "\n" not in str(refused.value)


def test_addresses():
    assert (place("local"), place("a.b:1"), place("[::1]:8786")) == (None, Scheduler("a.b", 1), Scheduler("::1", 8786))
    assert str(place("[::1]:8786")) == "[::1]:8786"


def test_a_port_that_is_no_number(refusal, distributed):
    assert refusal("--cluster", "127.0.0.1:http").startswith("--cluster 127.0.0.1:http: port 'http', allowed 1..65535")


def test_an_unknown_host(refusal, distributed):
    assert "no host of the name nobody.invalid is known" in refusal("--cluster", "nobody.invalid:8786")


def test_a_connection_that_is_refused(refusal, distributed):
    port = _free()
    assert refusal("--cluster", f"127.0.0.1:{port}") == f"--cluster 127.0.0.1:{port}: nothing listens there (hint: dask scheduler starts one)"


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n" + b"x" * 100])
def test_what_listens_is_no_scheduler(answer, refusal, distributed, monkeypatch):
    monkeypatch.setattr(connect, "_CONNECT", 1.0)
    with _listening(answer) as port:
        assert f"--cluster 127.0.0.1:{port}: what listens there is no Dask scheduler" in refusal("--cluster", f"127.0.0.1:{port}")


def test_no_workers(refusal, distributed):
    with distributed.LocalCluster(n_workers=0, processes=False, protocol="tcp", dashboard_address="127.0.0.1:0") as cluster:
        where = cluster.scheduler_address.removeprefix("tcp://")
        assert refusal("--cluster", where, "--wait", "0.3").startswith(f"--cluster {where}: 0 workers in 0.3 s, 1 asked for")
        with distributed.Client(cluster) as client, pytest.raises(ClusterError, match=r"no worker is left, and none has come in 0\.2 s"):
            list(ordered(client, [(divmod, (7, 2))], 0.2))


def test_a_scheduler_that_is_gone(distributed):
    cluster = distributed.LocalCluster(n_workers=0, processes=False, protocol="tcp", dashboard_address="127.0.0.1:0")
    with distributed.Client(cluster, timeout=1) as client:
        found = ordered(client, [(divmod, (7, 2))], 60)
        threading.Timer(0.5, cluster.close).start()
        with pytest.raises(ClusterError, match="scheduler is gone"):
            next(found)


def test_without_the_extra(shell, place, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    asked = ("evaluate", place / "sst2.tsp", "--task", "sst2", "--data", place, "--cluster", "local")
    assert shell.refusal(RUNTIME, *asked) == f"this needs distributed, which is not installed (hint: {install.command('cluster')})"


@pytest.mark.parametrize(
    "asked, said",
    [
        (["{}/sst2.tsp", "--data", "{}"], "a classifier, and no --task is given (hint: --task sst2)"),
        (["{}/sst2.tsp", "--task", "sst2", "rte", "--data", "{}"], "--task rte: none of the programs is compiled for rte"),
        (["{}/sst2.tsp", "--task", "sst2"], "sst2: no --data"),
        (["{}/sst2.tsp", "--task", "sst2", "--data", "{}", "{}/page.txt"], "none of the programs is a language model"),
        (["{}/sst2.tsp", "--task", "sst2", "--data", "{}", "{}/SST-2"], "--data names 2 folders"),
        (["{}/lm.tsp"], "a language model, and --data names no text"),
        (["{}/lm.tsp", "--data", "{}/page.txt", "--stride", "9"], "stride 9, allowed 1..8"),
        (["{}/stream.tsp", "--data", "{}/page.txt", "--stride", "4"], "--stride 4 of a program through which tokens flow"),
        (["{}/sst2.tsp", "--task", "sst2", "--data", "{}", "--json", "{}/sst2.tsp"], "the same file as"),
    ],
)
def test_what_does_not_go_together(asked, said, place, shell):
    assert said in shell.refusal(RUNTIME, "evaluate", *(word.format(place) for word in asked))


def test_workers_without_a_cluster(place, shell):
    code, _, err = shell.run(RUNTIME, "evaluate", place / "sst2.tsp", "--task", "sst2", "--data", place, "--workers", 2)
    assert code == 2 and "--workers is for --cluster" in err

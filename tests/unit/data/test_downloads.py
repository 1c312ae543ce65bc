"""Downloading over a connection that does everything wrong, from a server on 127.0.0.1."""

import gzip
import hashlib
import io
import logging
import re
import socket
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch

from feature_sensitivity.data import archive_download, resumable_download, robust_archive
from feature_sensitivity.data.archive_download import fetch_archive
from feature_sensitivity.data.resumable_download import CHUNK
from feature_sensitivity.data.robust_archive import read_release
from feature_sensitivity.runtime.console import logger
from feature_sensitivity.runtime.errors import UserError


def make_archive(seed):
    """A release as it was made: legacy pickles of lists of batches."""
    images = torch.rand(60, 3, 32, 32, generator=torch.Generator().manual_seed(seed))
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, tensor in (("CIFAR_ims", images), ("CIFAR_lab", torch.arange(60) % 10)):
            pickle = io.BytesIO()
            torch.save(list(tensor.split(25)), pickle, _use_new_zipfile_serialization=False)
            member = tarfile.TarInfo(f"release_datasets/d_robust_CIFAR/{name}")
            member.size = pickle.tell()
            pickle.seek(0)
            tar.addfile(member, pickle)
    return buffer.getvalue()


def sha256(content):
    return hashlib.sha256(content).hexdigest()


GOOD, CHANGED = make_archive(0), make_archive(1)
GOOD_SHA256 = sha256(GOOD)
HALF = len(GOOD) // 2


class Server(ThreadingHTTPServer):
    """Serves ``content`` by the manner that the path names, and keeps a log of (path, Range)."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = GOOD
        self.log = []
        self.closing = threading.Event()

    def url(self, path):
        return f"http://127.0.0.1:{self.server_port}{path}"

    def ranges(self):
        return [asked for _, asked in self.log]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *args):
        pass

    def do_GET(self):
        self.server.log.append((self.path, self.headers["Range"]))
        first_time = len(self.server.log) == 1
        match self.path:
            case "/moved":
                self.answer(302, {"Location": "/datasets.tar"})
            case "/missing":
                self.answer(404, {})
            case "/page":
                self.answer(200, {"Content-Type": "text/html; charset=utf-8"}, b"<html>gone</html>")
            case "/page-in-disguise":
                self.answer(200, {}, b"<html>gone</html>" * 100)
            case "/empty-tar":
                self.answer(200, {}, bytes(10_240))
            case "/compressed":
                self.answer(200, {"Content-Encoding": "gzip"}, gzip.compress(self.server.content))
            case "/endless":
                self.answer(200, {"Content-Length": None}, bytes(2_000_000))
            case "/huge":
                self.answer(200, {"Content-Length": str(10**13)})
            case "/no-number":
                self.answer(200, {"Content-Length": "abc"}, self.server.content)
            case "/partial":
                self.answer(
                    206, {"Content-Range": f"bytes 5-{len(self.server.content) - 1}/{len(self.server.content)}"}
                )
            case "/always-416":
                self.answer(416, {})
            case "/busy" if first_time:
                self.answer(503, {})
            case "/cut" | "/shares" if first_time:
                self.send_file(upto=HALF)
            case "/shares":
                self.send_file(share=2 * CHUNK)
            case "/always-cut":
                self.send_file(upto=HALF, ranges=False)
            case "/cut-without-size":
                self.answer(200, {"Content-Length": None}, self.server.content[:HALF])
            case "/stalls" if first_time:
                self.send_file(upto=HALF)
                self.server.closing.wait()
            case "/no-ranges":
                self.send_file(upto=HALF if first_time else None, ranges=False)
            case _:
                self.send_file()

    def send_file(self, *, upto=None, ranges=True, share=None):
        content = self.server.content
        headers = {"ETag": f'"{sha256(content)}"', "Content-Type": "application/x-tar"}
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or "")
        if not (asked and ranges):
            self.answer(200, {"Content-Length": len(content), **headers}, content[:upto])
        elif (start := int(asked[1])) >= len(content):
            self.answer(416, {"Content-Range": f"bytes */{len(content)}"})
        else:
            end = min(start + share, len(content)) if share else len(content)
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(content)}"
            self.answer(206, {"Content-Length": end - start, **headers}, content[start:end][:upto])

    def answer(self, status, headers, body=b""):
        self.send_response(status)
        for key, value in ({"Content-Length": len(body)} | headers).items():
            if value is not None:
                self.send_header(key, str(value))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.closing.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def dead_url():
    """An address at which nothing listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{bound.getsockname()[1]}/datasets.tar"


def fetch(folder, *urls, expected_sha256=GOOD_SHA256, **kwargs):
    quick = {"stall_seconds": 10.0, "tries": 2, "pause_seconds": 0.0} | kwargs
    return fetch_archive(urls=urls, expected_sha256=expected_sha256, folder=folder, **quick)


def refusal(folder, *urls, **kwargs):
    with pytest.raises(UserError) as caught:
        fetch(folder, *urls, **kwargs)
    message = str(caught.value)
    assert "path" in message
    assert "source: construction" in message
    assert "\n" not in message
    return message


def names(folder):
    return sorted(file.name for file in folder.iterdir())


def assert_complete(folder):
    assert names(folder) == ["datasets.tar"]
    assert (folder / "datasets.tar").read_bytes() == GOOD


def test_a_good_archive_can_be_read(server, tmp_path, monkeypatch):
    monkeypatch.setattr(robust_archive, "FEWEST_IMAGES", 60)
    archive = fetch(tmp_path / "new", server.url("/datasets.tar"))
    assert_complete(tmp_path / "new")
    split = read_release(archive).splits["train"]
    assert split.images.shape == (60, 3, 32, 32)
    assert split.labels.tolist() == [i % 10 for i in range(60)]


def test_a_redirect_is_followed(server, tmp_path):
    fetch(tmp_path, server.url("/moved"))
    assert_complete(tmp_path)


def test_a_whole_archive_is_not_downloaded_again(server, tmp_path):
    for _ in range(2):
        fetch(tmp_path, server.url("/datasets.tar"), expected_sha256=GOOD_SHA256.upper())
    assert server.log == [("/datasets.tar", None)]


def test_an_archive_that_the_server_calls_compressed_is_kept_as_it_came(server, tmp_path):
    archive = fetch(tmp_path, server.url("/compressed"), expected_sha256=None)
    assert gzip.decompress(archive.read_bytes()) == GOOD


def test_a_busy_server_is_asked_again(server, tmp_path):
    fetch(tmp_path, server.url("/busy"))
    assert_complete(tmp_path)


@pytest.mark.parametrize(("path", "stall_seconds"), [("/cut", 10.0), ("/stalls", 0.5)])
def test_a_broken_or_stalled_connection_is_resumed(server, tmp_path, path, stall_seconds):
    fetch(tmp_path, server.url(path), stall_seconds=stall_seconds)
    assert_complete(tmp_path)
    first, second, *_ = server.ranges()
    assert first is None
    assert HALF - CHUNK <= int(second.removeprefix("bytes=").removesuffix("-")) < HALF


def test_a_server_that_answers_less_than_it_is_asked_for_is_asked_again(server, tmp_path):
    fetch(tmp_path, server.url("/shares"))
    assert_complete(tmp_path)
    assert len(server.log) > 3


def test_a_server_without_ranges_starts_over(server, tmp_path):
    fetch(tmp_path, server.url("/no-ranges"))
    assert_complete(tmp_path)
    assert server.ranges()[1] is not None


def interrupt(folder, url):
    """End a download as Ctrl-C would, after four chunks; returns the part that it leaves."""

    class Interrupts(resumable_download.Progress):
        def advance(self, n, note=""):
            super().advance(n, note)
            if self._done >= 4 * CHUNK:
                raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resumable_download, "Progress", Interrupts)
        with pytest.raises(KeyboardInterrupt):
            fetch(folder, url)
    (part,) = folder.iterdir()
    assert part.match("datasets.tar.*.part")
    assert part.read_bytes() == GOOD[: 4 * CHUNK]
    return part


def test_an_interrupted_download_continues(server, tmp_path):
    interrupt(tmp_path, server.url("/datasets.tar"))
    fetch(tmp_path, server.url("/datasets.tar"))
    assert_complete(tmp_path)
    assert server.ranges() == [None, f"bytes={4 * CHUNK - 1}-"]


def test_a_part_that_lacks_nothing_is_not_downloaded_again(server, tmp_path):
    part = interrupt(tmp_path, server.url("/datasets.tar"))
    part.write_bytes(GOOD)
    fetch(tmp_path, server.url("/datasets.tar"))
    assert_complete(tmp_path)
    assert server.ranges() == [None, f"bytes={len(GOOD) - 1}-"]


@pytest.mark.parametrize("content", [CHANGED, CHANGED[: 2 * CHUNK]])
def test_a_part_of_another_file_is_thrown_away(server, tmp_path, content):
    interrupt(tmp_path, server.url("/datasets.tar"))
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        member = tarfile.TarInfo("changed")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    server.content = buffer.getvalue()
    fetch(tmp_path, server.url("/datasets.tar"), expected_sha256=sha256(server.content))
    assert names(tmp_path) == ["datasets.tar"]
    assert (tmp_path / "datasets.tar").read_bytes() == server.content
    assert server.ranges() == [None, f"bytes={4 * CHUNK - 1}-", None]


def test_a_connection_that_always_breaks_is_given_up(server, tmp_path):
    message = refusal(tmp_path, server.url("/always-cut"), tries=3)
    assert f"broke 3 times in a row (IncompleteRead({HALF} bytes read" in message
    assert "run the same command again" in message
    assert all(name.endswith(".part") for name in names(tmp_path))
    assert len(server.log) == 3


def test_a_truncation_that_the_server_does_not_report(server, tmp_path):
    assert "the file is not a whole tar archive" in refusal(tmp_path, server.url("/cut-without-size"))
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("/missing", "the server answers 404"),
        ("/page", "a web page (HTML) instead of the archive"),
        ("/page-in-disguise", "the file is not a whole tar archive"),
        ("/empty-tar", "the file is an empty tar archive"),
    ],
)
def test_what_is_no_archive_is_refused_at_once(server, tmp_path, path, fault):
    message = refusal(tmp_path, server.url(path))
    assert server.url(path) in message
    assert fault in message
    assert names(tmp_path) == []
    assert len(server.log) == 1


def test_a_wrong_checksum_is_refused(server, tmp_path):
    message = refusal(tmp_path, server.url("/datasets.tar"), expected_sha256="0" * 64)
    assert f"SHA-256 {GOOD_SHA256}, but sha256 in the config says {'0' * 64}" in message
    assert names(tmp_path) == []


def test_a_live_mirror_stands_in_for_a_dead_main_address(server, tmp_path, dead_url):
    fetch(tmp_path, dead_url, server.url("/page"), server.url("/datasets.tar"))
    assert_complete(tmp_path)


def test_every_failed_address_is_named(server, tmp_path, dead_url):
    message = refusal(tmp_path, dead_url, server.url("/missing"), "datasets.tar")
    assert f"{dead_url}: the connection broke 2 times in a row ([Errno" in message
    assert f"{server.url('/missing')}: the server answers 404" in message
    assert "Invalid URL 'datasets.tar'" in message
    assert "add a mirror" in message


def test_no_address_at_all(tmp_path):
    assert "urls in the config is empty" in refusal(tmp_path)


def test_the_checksum_of_the_first_download_is_recorded_and_shown(server, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(logger, "propagate", True)
    with caplog.at_level(logging.INFO, logger=logger.name):
        fetch(tmp_path, server.url("/datasets.tar"), expected_sha256=None)
    assert names(tmp_path) == ["datasets.tar", "datasets.tar.sha256"]
    assert (tmp_path / "datasets.tar.sha256").read_text() == f"{GOOD_SHA256}  datasets.tar\n"
    assert GOOD_SHA256 in caplog.text


def test_the_recorded_checksum_is_required_of_a_later_download(server, tmp_path):
    archive = fetch(tmp_path, server.url("/datasets.tar"), expected_sha256=None)
    archive.unlink()
    server.content = CHANGED
    message = refusal(tmp_path, server.url("/datasets.tar"), expected_sha256=None)
    assert f"{tmp_path / 'datasets.tar.sha256'} says {GOOD_SHA256}" in message
    assert "only if you trust" in message
    assert names(tmp_path) == ["datasets.tar.sha256"]
    server.content = GOOD
    fetch(tmp_path, server.url("/datasets.tar"), expected_sha256=None)


@pytest.mark.parametrize(("content", "fault"), [(CHANGED, "has the SHA-256"), (GOOD[:HALF], "not a whole tar")])
def test_a_wrong_archive_on_disk_is_kept_but_refused(server, tmp_path, content, fault):
    (tmp_path / "datasets.tar").write_bytes(content)
    message = refusal(tmp_path, server.url("/datasets.tar"))
    assert fault in message
    assert "delete it to download it again" in message
    assert (tmp_path / "datasets.tar").read_bytes() == content
    assert server.log == []


def test_a_length_that_is_no_number_is_as_good_as_none(server, tmp_path):
    fetch(tmp_path, server.url("/no-number"))
    assert_complete(tmp_path)


@pytest.mark.parametrize("path", ["/partial", "/always-416"])
def test_a_server_that_never_sends_all_is_given_up(server, tmp_path, path):
    assert "with a part of the file, although all of it was asked for" in refusal(tmp_path, server.url(path))
    assert len(server.log) == 1


@pytest.mark.parametrize("path", ["/endless", "/huge"])
def test_no_more_is_downloaded_than_the_dataset_can_have(server, tmp_path, monkeypatch, path):
    monkeypatch.setattr(resumable_download, "MOST_BYTES", 1_000_000)
    assert "the file has more than 0.001 GB, far more than the dataset" in refusal(tmp_path, server.url(path))
    assert names(tmp_path) == []


def test_an_archive_that_unpacks_to_far_more_is_thrown_away(server, tmp_path, monkeypatch):
    monkeypatch.setattr(archive_download, "MOST_BYTES", 500_000)
    assert "the file unpacks to more than 0.0005 GB" in refusal(tmp_path, server.url("/datasets.tar"))
    assert names(tmp_path) == []

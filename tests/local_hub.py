"""A hub on this machine: the calls by which huggingface_hub pushes and fetches, over real HTTP.

It holds repositories in memory and can be told to misbehave.
"""

import base64
import hashlib
import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

WRITER, READER, STRANGER = "hf_writer_token", "hf_reader_token", "hf_stranger_token"
_USERS = {WRITER: ("ann", "write"), READER: ("ann", "read"), STRANGER: ("eve", "write")}
_LFS = (".onnx", ".bin")


@dataclass
class Repository:
    """One repository: its commits, the last one current."""

    private: bool = False
    commits: list[tuple[str, dict[str, bytes]]] = field(default_factory=list)

    def commit(self, files: dict[str, bytes]) -> str:
        before = self.commits[-1][0] if self.commits else ""
        listed = json.dumps([before, sorted((k, _sha256(v)) for k, v in files.items())])
        sha = hashlib.sha1(listed.encode()).hexdigest()
        self.commits.append((sha, dict(files)))
        return sha

    @property
    def files(self) -> dict[str, bytes]:
        return self.commits[-1][1]

    def at(self, revision: str) -> tuple[str, dict[str, bytes]] | None:
        if revision == "main":
            return self.commits[-1]
        return next((one for one in self.commits if one[0] == revision), None)


@dataclass
class LocalHub:
    """The hub's state, and what was asked of it.

    `misbehave` is called with each request before it is served, and returns whether it has
    responded itself.
    """

    url: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    stored: dict[str, bytes] = field(default_factory=dict)
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    misbehave: Callable[["Handler"], bool] = lambda _: False

    def add(self, name: str, files: dict[str, bytes], private: bool = False) -> Repository:
        repository = self.repositories[name] = Repository(private)
        repository.commit(files)
        return repository

    def asked(self, part: str) -> list[str]:
        return [path for _, path, _ in self.requests if part in path]


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    hub: LocalHub

    def log_message(self, *_: object) -> None:
        pass

    @property
    def token(self) -> str:
        return self.headers.get("Authorization", "").removeprefix("Bearer ")

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def send(self, status: int, content: bytes | Any = b"", **headers: str) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def refuse(self, status: int, code: str = "", message: str = "") -> None:
        headers = {"X_Error_Code": code, "X_Error_Message": message}
        self.send(status, {"error": message}, **{k: v for k, v in headers.items() if v})

    def handle_request(self) -> None:
        self.hub.requests.append((self.command, self.path, self.headers.get("Authorization", "")))
        self.content = self.body()
        if not self.hub.misbehave(self):
            self.route()

    do_GET = do_HEAD = do_POST = do_PUT = handle_request  # noqa: N815

    def route(self) -> None:
        path = unquote(urlsplit(self.path).path).strip("/")
        if path == "api/whoami-v2":
            return self.whoami()
        if path == "api/validate-yaml":
            return self.send(200, {"errors": [], "warnings": []})
        if path == "api/repos/create":
            return self.create()
        if path.startswith("stored/"):
            return self.store(path.removeprefix("stored/"))
        if path.startswith(("api/models/", "api/spaces/")):
            kind, owner, name, *rest = path.removeprefix("api/").split("/")
            return self.api(f"{kind}/{owner}/{name}", rest)
        if "/resolve/" in path:
            name, _, rest = path.partition("/resolve/")
            revision, _, file = rest.partition("/")
            return self.resolve(
                name if name.startswith("spaces/") else f"models/{name}", revision, file
            )
        if path.endswith(".git/info/lfs/objects/batch"):
            return self.batch()
        return self.refuse(404)

    def whoami(self) -> None:
        if self.token not in _USERS:
            return self.refuse(401, message="Invalid credentials in Authorization header")
        name, role = _USERS[self.token]
        facts = {"type": "user", "name": name, "orgs": []}
        token = {"displayName": "tests", "role": role}
        return self.send(200, {**facts, "auth": {"type": "access_token", "accessToken": token}})

    def may_write(self, owner: str) -> bool:
        if _USERS.get(self.token) == (owner, "write"):
            return True
        self.refuse(403, message=f"You don't have the rights to write to {owner}")
        return False

    def create(self) -> None:
        asked = json.loads(self.content)
        kind, owner = asked.get("type", "model"), asked["organization"]
        name = f"{kind}s/{owner}/{asked['name']}"
        if not self.may_write(owner):
            return None
        if name in self.hub.repositories:
            return self.refuse(409, message="You already created this repo")
        files = {".gitattributes": b"*.onnx filter=lfs\n"}
        if kind == "space":
            files["README.md"] = b"---\ntitle: new\n---\n"
        self.hub.add(name, files, private=asked.get("visibility") == "private")
        return self.send(200, {"url": f"{self.hub.url}/{owner}/{asked['name']}"})

    def repository(self, name: str) -> Repository | None:
        found = self.hub.repositories.get(name)
        owner = name.split("/")[1]
        if found and (not found.private or _USERS.get(self.token, ("",))[0] == owner):
            return found
        self.refuse(404 if self.token in _USERS else 401, "RepoNotFound", "Repository not found")
        return None

    def api(self, name: str, rest: list[str]) -> None:
        if (found := self.repository(name)) is None:
            return None
        action, revision = [*rest, "revision", "main"][:2] if rest else ("revision", "main")
        if (at := found.at(revision)) is None:
            return self.refuse(404, "RevisionNotFound", "Invalid rev id")
        if action == "revision":
            siblings = [{"rfilename": path} for path in at[1]]
            facts = {"id": name.partition("/")[2], "sha": at[0], "private": found.private}
            return self.send(200, {**facts, "siblings": siblings})
        if action == "tree":
            return self.send(200, [_listed(path, content) for path, content in at[1].items()])
        if not self.may_write(name.split("/")[1]):
            return None
        if action == "preupload":
            return self.preupload(found)
        return self.commit(found, name)

    def preupload(self, found: Repository) -> None:
        modes = []
        for file in json.loads(self.content)["files"]:
            there = found.files.get(file["path"])
            mode = "lfs" if file["path"].endswith(_LFS) else "regular"
            oid = None if there is None else _listed(file["path"], there)["oid"]
            modes.append(
                {"path": file["path"], "uploadMode": mode, "shouldIgnore": False, "oid": oid}
            )
        self.send(200, {"files": modes})

    def batch(self) -> None:
        objects = []
        for one in json.loads(self.content)["objects"]:
            upload = {"href": f"{self.hub.url}/stored/{one['oid']}", "header": {}}
            actions = {} if one["oid"] in self.hub.stored else {"actions": {"upload": upload}}
            objects.append({"oid": one["oid"], "size": one["size"], **actions})
        self.send(200, {"transfer": "basic", "objects": objects})

    def store(self, oid: str) -> None:
        if self.command == "PUT":
            assert _sha256(self.content) == oid
            self.hub.stored[oid] = self.content
            return self.send(200)
        return self.send(200, self.hub.stored[oid], ETag=f'"{oid}"')

    def commit(self, found: Repository, name: str) -> None:
        files = dict(found.files)
        for line in self.content.splitlines():
            part = json.loads(line)
            value = part["value"]
            if part["key"] == "header" and value.get("parentCommit") != found.commits[-1][0]:
                return self.refuse(412, message="A commit has happened since. Please refresh")
            if part["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            if part["key"] == "lfsFile":
                files[value["path"]] = self.hub.stored[value["oid"]]
            if part["key"] == "deletedFile":
                del files[value["path"]]
        sha = found.commit(files)
        return self.send(
            200, {"commitUrl": f"{self.hub.url}/{name}/commit/{sha}", "commitOid": sha}
        )

    def resolve(self, name: str, revision: str, file: str) -> None:
        if (found := self.repository(name)) is None:
            return None
        if (at := found.at(revision)) is None:
            return self.refuse(404, "RevisionNotFound", "Invalid rev id")
        commit, files = at
        if file not in files:
            return self.refuse(404, "EntryNotFound", "Entry not found")
        content = files[file]
        if not file.endswith(_LFS):
            return self.send(200, content, X_Repo_Commit=commit, ETag='"regular"')
        oid = _sha256(content)
        self.hub.stored[oid] = content
        place = {"Location": f"{self.hub.url}/stored/{oid}", "X_Linked_Size": str(len(content))}
        return self.send(302, X_Repo_Commit=commit, X_Linked_Etag=f'"{oid}"', **place)


def _listed(path: str, content: bytes) -> dict[str, Any]:
    facts: dict[str, Any] = {"type": "file", "path": path, "size": len(content)}
    blob = content
    if path.endswith(_LFS):
        blob = f"pointer to {_sha256(content)}".encode()
        facts["lfs"] = {"oid": _sha256(content), "size": len(content), "pointerSize": len(blob)}
    oid = hashlib.sha1(b"blob %d\0" % len(blob) + blob).hexdigest()
    return facts | {"oid": oid}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that leave: some of them are to."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(*_)


@contextmanager
def running() -> Iterator[LocalHub]:
    """Serve an empty hub on a free port of this machine."""
    hub = LocalHub()
    server = _Server(("127.0.0.1", 0), type("Bound", (Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

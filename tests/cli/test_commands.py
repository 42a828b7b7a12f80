"""The command line as an operator meets it: its own process, an empty folder, what it prints and how it ends."""

import asyncio
import contextlib
import io
import os
import re
import resource
import signal
import socket
import sys
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec.structs import replace
from servers import PATIENCE, free_port

from app import cli, db, world
from app.certs import make_development_chain
from app.cli import serving
from app.outbound import Outbound
from app.sandbox.apns import ApnsSandbox
from app.sandbox.phone import Phone

KEY = re.compile(r"cp_(?:live|test)_[\w-]{40,}")


class Folder:
    """An operator's folder, and commands that are run in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.port = free_port()
        self.settings = {"COUNTERPASS_PORT": str(self.port), "COUNTERPASS_PUBLIC_URL": f"http://127.0.0.1:{self.port}"}

    @property
    def environment(self) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith(("COUNTERPASS_", "DATABASE_URL"))}
        return own | self.settings

    def run(self, *arguments: str, status: int = 0, **settings: str) -> tuple[str, str]:
        """What it wrote to standard output and to standard error. In this process: a new one takes a second to import everything."""
        out, err, before = io.StringIO(), io.StringIO(), dict(os.environ)
        try:
            os.environ.clear()
            os.environ.update(self.environment | settings)
            with contextlib.chdir(self.path), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                ended = cli.main(arguments)
        finally:
            os.environ.clear()
            os.environ.update(before)
        assert ended == status, out.getvalue() + err.getvalue()
        return out.getvalue(), err.getvalue()

    def refused(self, *arguments: str, **settings: str) -> str:
        """The one line that says why not."""
        _, said = self.run(*arguments, status=1, **settings)
        assert re.fullmatch(r"counterpass: [^\n]+\n", said), said
        return said

    def client(self) -> httpx.AsyncClient:
        """Somebody who asks what is served here."""
        return httpx.AsyncClient(base_url=self.settings["COUNTERPASS_PUBLIC_URL"], timeout=PATIENCE)

    @contextlib.asynccontextmanager
    async def running(self, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "app", *arguments, cwd=self.path, env=self.environment, stderr=asyncio.subprocess.PIPE
        )
        try:
            assert process.stderr
            assert re.match(rb"(serving|following)", await asyncio.wait_for(process.stderr.readline(), PATIENCE))
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


def after_a_free_port(taken: socket.socket) -> int:
    """Bound to a port such that the one before it is free."""
    before, port = free_port(), free_port()
    while port != before + 1:
        before, port = port, free_port()
    taken.bind(("127.0.0.1", port))
    return port


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> tuple[Folder, str, str]:
    """A folder with a business, its program and its key."""
    one = Folder(tmp_path_factory.mktemp("shop"))
    said, _ = one.run("init", "--name", "Tiệm Bánh", "--zone", "Asia/Ho_Chi_Minh", "--currency", "VND", "--languages", "vi,en",
                      "--reward", "2=Bánh", "--reward", "5=Cà phê", "--owner", "Lan")  # fmt: skip
    program, key = re.search(r"program .*\(([0-9a-f-]{36})\)", said), KEY.search(said)
    assert program
    assert key
    return one, program[1], key[0]


@contextlib.asynccontextmanager
async def few_files() -> AsyncIterator[int]:
    """What is started here may open no more files and connections than systemd says; how many it may let itself have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 1024), hard))
    try:
        yield hard
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def answering(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            with contextlib.suppress(httpx.TransportError):
                assert (await client.get("/health")).status_code == 200
                return
            await asyncio.sleep(0.05)


# --- What an operator can cause is one line ---


@pytest.mark.parametrize("arguments", [["follow"], ["keys", "make", "--name", "Till"], ["pass", "export", "X"]])
def test_without_a_database_a_command_says_so_and_makes_none(folder: Folder, arguments: list[str]) -> None:
    assert "counterpass init" in folder.refused(*arguments)
    assert not list(folder.path.iterdir())


def test_serve_makes_no_database_that_somebody_named_they_may_have_named_a_wrong_one(folder: Folder) -> None:
    assert "counterpass init" in folder.refused("serve", DATABASE_URL=f"sqlite:///{folder.path}/shop.db")
    assert not list(folder.path.iterdir())


async def test_serve_in_an_empty_folder_says_with_which_link_a_shop_begins(folder: Folder) -> None:
    url = folder.settings["COUNTERPASS_PUBLIC_URL"]
    async with few_files() as hard, folder.running("serve") as service, folder.client() as browser:
        assert resource.prlimit(service.pid, resource.RLIMIT_NOFILE) == (min(hard, serving.CONNECTIONS), hard)
        assert service.stderr
        link = re.search(rf"{url}(/start/\w+)", (await service.stderr.readline()).decode())
        assert link
        await answering(browser)
        assert (await browser.get(link[1])).status_code == 200
    assert (folder.path / "counterpass.db").exists()


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (["--zone", "Mars/Phobos"], "time zone"),
        (["--languages", "en,xx"], "'xx'"),
        (["--currency", "euro"], "'euro'"),
        (["--reward", "Coffee"], "--reward"),
        (["--reward", "0=Coffee"], "--reward"),
        (["--days", "-1"], "-1 days"),
        (["--name", " "], "name"),
    ],
)
def test_a_business_that_cannot_be_is_refused_before_anything_is_made(
    given: list[str], why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["init", *given]) == 1
    assert re.fullmatch(rf"counterpass: [^\n]*{re.escape(why)}[^\n]*\n", capsys.readouterr().err)
    assert not list(tmp_path.iterdir())


def test_settings_and_databases_that_are_wrong_are_named(folder: Folder) -> None:
    assert "did you mean COUNTERPASS_PORT?" in folder.refused("doctor", COUNTERPASS_PROT="1")
    assert "COUNTERPASS_XYZZY is not a setting" in folder.refused("doctor", COUNTERPASS_XYZZY="1")
    assert "COUNTERPASS_PORT: Expected `int`" in folder.refused("serve", COUNTERPASS_PORT="x")
    assert "COUNTERPASS_QUEUE: Expected `int` >= 1" in folder.refused("serve", COUNTERPASS_QUEUE="0")
    assert "postgresql://" in folder.refused("migrate", DATABASE_URL="mysql://x")
    away = folder.refused("migrate", DATABASE_URL="postgresql://shop:geheim@127.0.0.1:1/x")
    assert "geheim" not in away
    assert "Is DATABASE_URL right, and does the database run?" in away
    assert "/nonexistent" in folder.refused("init", DATABASE_URL="sqlite:////nonexistent/x.db")
    assert "there is no database other.db: name the SQLite file" in folder.refused("move", "other.db")
    (folder.path / "older.db").touch()
    assert "run `DATABASE_URL=sqlite:///older.db counterpass migrate`" in folder.refused("move", "older.db")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:geheim/pw@geheim.example/x",
        "postgresql://u:geheim#pw@127.0.0.1/x",
        "postgresql://u:geheim?pw@127.0.0.1/x",
        "postgresql://u:[geheim]@127.0.0.1/x",
        "postgresql://u:geheim@127.0.0.1:1/x?geheim",
        "mysql://geheim",
    ],
)
@pytest.mark.parametrize("command", ["init", "serve", "doctor"])
def test_a_database_url_that_cannot_be_read_is_not_repeated(folder: Folder, url: str, command: str) -> None:
    said = "".join(folder.run(command, status=1, DATABASE_URL=url))
    assert "DATABASE_URL" in said
    assert "geheim" not in said
    assert "Traceback" not in said


def test_the_file_of_the_database_is_its_owners_alone(folder: Folder) -> None:
    folder.run("init")
    assert (folder.path / "counterpass.db").stat().st_mode & 0o777 == 0o600
    folder.path.joinpath("counterpass.db").chmod(0o640)
    folder.run("migrate")
    assert (folder.path / "counterpass.db").stat().st_mode & 0o777 == 0o640, "who opened it to a group is not overruled"


def test_init_changes_nothing_the_second_time(begun: tuple[Folder, str, str]) -> None:
    one, *_ = begun
    before = (one.path / "counterpass.db").read_bytes()
    said, _ = one.run("init", status=1)
    assert "Tiệm Bánh" in said
    assert (one.path / "counterpass.db").read_bytes() == before


def test_a_second_business_begins_beside_the_first_when_asked_to(folder: Folder) -> None:
    folder.run("init", "--name", "Tiệm Bánh")
    assert "Tiệm Bánh already" in folder.refused("init", "--another", "--name", "Tiệm Bánh")
    said, _ = folder.run("init", "--another", "--name", "Saigon Bagels", "--certificate", "saigon", "--owner", "Sam")
    assert "certs csr --certificate saigon" in said
    assert KEY.search(said)
    assert "Tiệm Bánh, Saigon Bagels" in folder.refused("staff", "list")
    assert folder.run("staff", "list", "--business", "Saigon Bagels")[0] == "Sam, owner, invited (no password or PIN yet)\n"
    assert "certs csr" in folder.run("doctor", status=1)[0]
    assert "apple-saigon/request.csr" in folder.run("certs", "csr", "--email", "a@b.c", "--name", "S", "--certificate", "saigon")[0]


def test_a_business_goes_over_to_a_certificate_of_its_own(folder: Folder, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder.run("init")
    assert "apple-own" in folder.refused("certs", "use", "--certificate", "own")
    made = tmp_path_factory.mktemp("apple")
    make_development_chain(made, pass_type="pass.com.own", team="TEAM123456", organization="Tiệm Bánh", now=world.now())
    given = ("--wwdr", str(made / "wwdr.pem"), "--key", str(made / "key.pem"), "--certificate", "own")
    assert "apple-own" in folder.run("certs", "import", str(made / "certificate.pem"), *given)[0]
    assert "pass.com.own" in folder.run("certs", "use", "--certificate", "own")[0]
    assert "pass.dev.counterpass" in folder.run("certs", "use")[0]
    assert not re.search("^error", folder.run("certs", "check")[0], re.MULTILINE)


@pytest.mark.parametrize("name", ["../apple", "a b"])
def test_a_certificates_name_cannot_leave_its_folder(name: str, folder: Folder) -> None:
    with pytest.raises(SystemExit):
        folder.run("init", "--certificate", name)
    assert not list(folder.path.iterdir())


def test_a_port_in_use_is_named(begun: tuple[Folder, str, str]) -> None:
    one, *_ = begun
    with socket.socket() as taken:
        port = after_a_free_port(taken)
        taken.listen()
        assert f"port {port}" in one.refused("serve", COUNTERPASS_PORT=str(port))
        assert f"port {port}" in one.refused("demo", "--port", str(port))
        assert f"port {port}" in one.refused("demo", "--port", str(port - 1))


def test_a_location_a_card_or_a_file_that_is_not_there_is_named(begun: tuple[Folder, str, str]) -> None:
    one, *_ = begun
    assert "Main counter" in one.refused("keys", "make", "--name", "Till", "--location", "Nowhere")
    assert "Lan" in one.refused("keys", "make", "--name", "Till", "--person", "Nobody")
    assert "first key" in one.refused("keys", "revoke", "--name", "Nothing")
    assert "XYZ" in one.refused("pass", "export", "XYZ")
    assert "/none.cer" in one.refused("certs", "import", "/none.cer")
    assert "must name the PostgreSQL" in one.refused("move", "counterpass.db")


def test_a_service_whose_certificate_has_no_key_does_not_start(folder: Folder) -> None:
    folder.run("init")
    (folder.path / "certs" / "apple" / "key.pem").unlink()
    assert "key.pem" in folder.refused("serve")
    assert "key.pem" in folder.refused("follow")
    said, _ = folder.run("doctor", status=1)
    assert said.endswith("1 to correct\n")


# --- Secrets, certificates ---


def test_a_key_is_printed_once_and_stored_nowhere(begun: tuple[Folder, str, str]) -> None:
    one, *_ = begun
    said, _ = one.run("keys", "make", "--name", "Web shop", "--scopes", "read,issue", "--test")
    assert KEY.fullmatch(said.strip())
    assert said.startswith("cp_test_")
    assert all(said.strip().encode() not in path.read_bytes() for path in one.path.rglob("*") if path.is_file())
    listed = one.run("keys", "list")[0].splitlines()
    assert [line.partition("  (")[0] for line in listed if "Web shop" in line] == [
        f"Web shop, test, …{said.strip()[-4:]}, read issue, Main counter, never used"
    ]
    one.run("keys", "roll", "--name", "Web shop", "--overlap", "1h")
    assert f", …{said.strip()[-4:]} works too until 2" in one.run("keys", "list")[0]
    with pytest.raises(SystemExit):
        one.run("keys", "make", "--name", "Web shop", "--scopes", "everything")


def test_a_certificate_is_requested_imported_with_its_key_and_checked(folder: Folder, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert "request.csr" in folder.run("certs", "csr", "--email", "a@example.com", "--name", "Tiệm Bánh")[0]
    folder.refused("certs", "check", COUNTERPASS_CERTS="elsewhere")
    made = tmp_path_factory.mktemp("apple")
    make_development_chain(made, pass_type="pass.com.example", team="TEAM123456", organization="Tiệm Bánh", now=world.now())
    given = ("certs", "import", str(made / "certificate.pem"), "--wwdr", str(made / "wwdr.pem"))
    assert "not the key" in folder.refused(*given), "the key of the request is another one"
    assert "restarted" in folder.run(*given, "--key", str(made / "key.pem"))[0]
    assert "development certificate" in folder.run("certs", "check")[0]
    assert (folder.path / "certs" / "apple" / "key.pem").stat().st_mode & 0o077 == 0


# --- Serving ---


async def test_a_card_joins_by_http_is_exported_and_the_service_ends_when_told(begun: tuple[Folder, str, str]) -> None:
    one, program, key = begun
    async with one.running("serve") as service, one.client() as client:
        await answering(client)
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "1"}
        joined = await client.post("/api/v1/join", json={"program_id": program, "name": "Hoa"}, headers=headers)
        number = joined.json()["card"]["number"]
        service.send_signal(signal.SIGTERM)
        await asyncio.wait_for(service.wait(), PATIENCE)
    assert "wrote hoa.pkpass" in (await asyncio.to_thread(one.run, "pass", "export", number, "--to", "hoa.pkpass"))[0]
    assert "pass.json" in zipfile.ZipFile(one.path / "hoa.pkpass").namelist()
    assert "nothing to correct" in (await asyncio.to_thread(one.run, "doctor"))[0]


async def test_who_has_the_shell_is_let_in_by_a_link_that_works_once(begun: tuple[Folder, str, str]) -> None:
    one, _, _ = begun
    again, _ = await asyncio.to_thread(one.run, "staff", "invite", "Lan")
    said, aside = await asyncio.to_thread(one.run, "staff", "invite", "Tú", "--role", "manager")
    assert "hired Tú as manager" in aside
    async with one.running("serve"), one.client() as browser:
        await answering(browser)
        for line, name in ((again, "Lan"), (said, "Tú")):
            assert re.fullmatch(rf"http://127\.0\.0\.1:{one.port}/invite/[\w-]{{27}}\n", line)
            assert name in (await browser.get(line.strip())).text
            page = {"email": f"{len(name)}@example.com", "password": "nine small boats"}
            answer = await browser.post(line.strip(), data=page, headers={"X-CSRFToken": browser.cookies["csrf"]})
            assert answer.status_code == 303, answer.text
            assert (await browser.get(line.strip())).status_code == 410


async def test_the_list_says_who_cannot_sign_in_and_why(folder: Folder) -> None:
    await asyncio.to_thread(folder.run, "init", "--owner", "Lan")
    for name in ("An", "Bình", "Chi", "Dũng"):
        await asyncio.to_thread(folder.run, "staff", "invite", name)
    changes: dict[str, dict[str, Any]] = {
        "Lan": {"password": "x"},
        "An": {"pin": "x", "locked_at": world.now()},
        "Bình": {"pin": "x"},
        "Dũng": {"pin": "x"},
    }
    store = await db.open_store(f"sqlite:///{folder.path}/counterpass.db", queue=10)
    (business,) = await store.businesses()
    for member in await store.members(business_id=business.id):
        gone = world.now() if member.staff.name == "Dũng" else None
        login = replace(member.login, version=member.login.version + 1, **changes.get(member.staff.name, {}))
        await store.replace_member(replace(member.staff, suspended_at=gone), login, seen=member.login.version)
    await store.close()
    said, _ = await asyncio.to_thread(folder.run, "staff", "list")
    assert [line for line in said.splitlines() if not line.startswith(" ")] == [
        "Lan, owner, no PIN",
        "An, cashier, PIN locked",
        "Bình, cashier",
        "Chi, cashier, invited (no password or PIN yet)",
        "Dũng, cashier, suspended",
    ]


async def test_a_key_that_was_rolled_or_revoked_is_refused_at_the_next_request(folder: Folder, postgresql_url: str) -> None:
    """On PostgreSQL: whatever else is served here has SQLite."""
    one = folder
    one.settings["DATABASE_URL"] = postgresql_url

    async def run(*arguments: str) -> str:
        return (await asyncio.to_thread(one.run, *arguments))[0]

    owner = KEY.search(await run("init", "--owner", "Lan"))
    leaked, rolled = [(await run("keys", "make", "--name", name)).strip() for name in ("Till 1", "Till 2")]
    assert owner
    async with one.running("serve"), one.client() as client:
        await answering(client)

        async def statuses(*secrets: str) -> list[int]:
            asked = [client.get("/api/v1/cards/X", headers={"Authorization": f"Bearer {secret}"}) for secret in secrets]
            return [(await one).status_code for one in asked]

        assert await statuses(leaked, rolled, owner[0]) == [404, 404, 404]
        assert await run("keys", "revoke", "--name", "Till 1") == "revoked Till 1\n"
        fresh = (await run("keys", "roll", "--name", "Till 2", "--overlap", "now")).strip()
        assert await statuses(leaked, rolled, owner[0], fresh) == [401, 401, 404, 404]
    assert "first key, Till 2" in await asyncio.to_thread(one.refused, "keys", "revoke", "--name", "Till 1")
    assert "Main counter" in await asyncio.to_thread(one.refused, "keys", "make", "--name", "Till 3", "--location", "Nowhere")


async def test_followers_in_a_process_of_their_own_tell_the_phones(folder: Folder) -> None:
    said, _ = await asyncio.to_thread(folder.run, "init")
    program, key = re.search(r"program .*\(([0-9a-f-]{36})\)", said), KEY.search(said)
    chain = folder.path / "certs" / "apple"
    async with ApnsSandbox(chain, now=world.now) as apns, folder.client() as client:
        folder.settings |= {"COUNTERPASS_APNS_URL": apns.url, "COUNTERPASS_TRUST": str(chain / "root.pem")}
        async with folder.running("serve", "--no-followers") as service, folder.running("follow") as followers:
            await answering(client)
            headers = {"Authorization": f"Bearer {key[0]}"}
            joined = await client.post(
                "/api/v1/join", json={"program_id": program[1], "name": "Hoa"}, headers=headers | {"Idempotency-Key": "1"}
            )
            card = joined.json()["card"]
            outbound = Outbound()
            phone = Phone("Hoa", world=world.real(outbound), root=(chain / "root.pem").read_bytes(), apns=apns)
            await phone.add((await client.get(card["links"]["apple"])).content)
            await client.post(f"/api/v1/cards/{card['id']}/earnings", json={"count": 3}, headers=headers | {"Idempotency-Key": "2"})
            await phone.until(lambda: next(iter(phone.passes.values())).fields["progress"].value == "3/5")
            assert os.getpriority(os.PRIO_PROCESS, service.pid) < os.getpriority(os.PRIO_PROCESS, followers.pid)  # the counter goes first
            await phone.close()
            await outbound.close()
            for process in (service, followers):
                process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(followers.wait(), PATIENCE) == 0
            await asyncio.wait_for(service.wait(), PATIENCE)

"""The demo plays the main job by itself on both databases, and what it leaves behind convinces strangers to our code."""

import asyncio
import base64
import contextlib
import hashlib
import json
import os
import re
import sqlite3
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
import zxingcpp
from msgspec.structs import replace
from PIL import Image

from app import cli, settings
from app.asgi import words
from app.db import open_store
from app.desk import Desk, webhooks
from app.history import period
from app.insight import insight
from app.outbound import Outbound
from app.sandbox.demo import PAST
from app.sandbox.stage import ALLOWED, Stage
from app.sandbox.walletobjects import judge
from app.world import real


async def play(*arguments: str, cwd: Path) -> tuple[int, str, float]:
    """One demo in its own process: its status, what it printed, its seconds."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("COUNTERPASS_", "DATABASE_URL"))}
    begun = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "app", "demo", "--once", *arguments, cwd=cwd, env=own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    said, _ = await asyncio.wait_for(process.communicate(), 180)
    return process.returncode or 0, said.decode(), time.monotonic() - begun


def judge_what_it_left(folder: Path, unpacked: Path) -> None:
    """As issue 2 asks: with openssl, hashlib, zxing-cpp and Google's own discovery document."""
    with zipfile.ZipFile(folder / "apple.pkpass") as package:
        package.extractall(unpacked)
    subprocess.run(
        ["openssl", "cms", "-verify", "-binary", "-purpose", "any", "-inform", "DER", "-in", "signature", "-content", "manifest.json",
         "-CAfile", folder / "root.pem", "-out", os.devnull],
        cwd=unpacked, check=True, capture_output=True,
    )  # fmt: skip
    manifest = json.loads((unpacked / "manifest.json").read_bytes())
    files = {path.relative_to(unpacked).as_posix(): path for path in unpacked.rglob("*") if path.is_file()}
    assert manifest.keys() == files.keys() - {"manifest.json", "signature"}
    for name, digest in manifest.items():
        assert hashlib.sha1(files[name].read_bytes()).hexdigest() == digest

    barcode = json.loads((unpacked / "pass.json").read_bytes())["barcodes"][0]
    assert re.fullmatch(r"[0-9A-Z]{9}", barcode["message"])
    assert barcode["altText"].replace("-", "") == barcode["message"]
    with Image.open(folder / "phone.png") as drawn:
        assert [code.text for code in zxingcpp.read_barcodes(drawn)] == [barcode["message"]]

    class_, object_ = (json.loads((folder / f"google-{name}.json").read_bytes()) for name in ("class", "object"))
    assert judge().refused("LoyaltyClass", class_) == judge().refused("LoyaltyObject", object_) == []
    assert object_["barcode"]["value"] == barcode["message"]
    assert object_["classId"] == class_["id"]

    link = (folder / "save-link.txt").read_text().strip()
    header, claims = (base64.urlsafe_b64decode(part + "==") for part in link.rpartition("/")[2].split(".")[:2])
    assert len(link) < 1800
    assert json.loads(header)["alg"] == "RS256"
    assert json.loads(claims)["payload"]["loyaltyObjects"] == [{"id": object_["id"], "classId": class_["id"]}]


@pytest.mark.long
async def test_the_main_job_is_seen_on_the_phones_on_both_databases(tmp_path: Path, postgresql_url: str) -> None:
    played = await asyncio.gather(
        play("--keep", "on-sqlite", cwd=tmp_path), play("--keep", "on-postgresql", "--database", postgresql_url, cwd=tmp_path)
    )
    for (status, said, took), database in zip(played, ("sqlite", "postgresql"), strict=True):
        assert status == 0, said
        assert took < 120, "30 s on a machine of its own; here a whole suite shares it"
        steps = said.splitlines()
        assert all(re.match(r" *\d+\.\d\d s  \S", step) for step in steps), said
        assert f"on {database}" in steps[0]
        assert steps[-1].endswith("every step was seen on the phones")
        kept = tmp_path / f"on-{database}"
        assert (kept / "transcript.txt").read_text() == said
        judge_what_it_left(kept, tmp_path / f"unpacked-{database}")


async def test_whoever_comes_to_look_finds_a_shop_with_a_past(tmp_path: Path, sqlite_url: str) -> None:
    stage = Stage(tmp_path, database=sqlite_url, port=None, days=PAST)
    stage.http = Outbound(None)
    await stage.open_the_cafe()
    store = await open_store(sqlite_url, queue=10)
    (business,) = await store.businesses()
    assert {one.state for one in await store.campaigns(business.id)} == {"done", "running"}
    assert {program.design.folder for program in await store.programs(business.id)} == {"", "minimal"}
    assert all(errand.ended_at for errand, _ in await store.errands(business.id, limit=10))
    desk = Desk(store=store, world=real(stage.http), words=words(), apple=None, google=None, public_url=stage.url, bell=lambda: None)
    today = desk.world.now().astimezone(business.tz).date()
    allowed = settings.read(ALLOWED)
    webhooks.check(replace(desk, webhooks_private=allowed.webhooks_private), "http://127.0.0.1:9000/hook")  # a till on this machine
    seen = await insight(desk, business, period("month", today=today), language="en")
    assert [(one.kind, one.name) for one in seen.unusual if one.kind != "card"] == [("corrected", "Thu")]
    assert seen.funnel.redeemed > 0
    await store.close()


async def test_a_demo_that_cannot_be_played_says_why_and_fails(tmp_path: Path) -> None:
    status, said, _ = await play("--database", f"sqlite:///{tmp_path}/none/shop.db", cwd=tmp_path)
    assert status == 1
    assert "Traceback" not in said
    assert f"{tmp_path}/none is not a folder" in said


async def test_a_step_that_is_not_seen_fails_the_demo_with_the_reason(tmp_path: Path, sqlite_url: str) -> None:
    with contextlib.closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as database:
        database.execute("CREATE TRIGGER broken BEFORE UPDATE OF balance ON card BEGIN SELECT RAISE(ABORT, 'out of stamps'); END")
    status, said, _ = await play("--database", sqlite_url, "--keep", "kept", cwd=tmp_path)
    assert status == 1
    assert "Ann's phones show 0/5" in said
    assert re.search(r"\n *\d+\.\d\d s  NOT SEEN: POST cards/[0-9a-f-]+/earnings was answered 50[03]", said)
    assert "Traceback" not in said
    assert "out of stamps" in (tmp_path / "kept" / "service.log").read_text(), "the service's own log is kept to say why"


@pytest.mark.parametrize("port", ["0", "65535", "web"])
def test_a_port_that_is_none_is_refused(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["demo", "--once", "--port", port])
    assert ended.value.code == 2
    assert "is not a port" in capsys.readouterr().err

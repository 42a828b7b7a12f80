"""Two generators of clients that are not ours take the document, and their clients do the main job over sockets. Needs npm and a network.

openapi-python-client is in the suite as well (tests/web/test_generated.py); openapi-typescript wants packages of npm's, so it is only here.
"""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx

sys.path[:0] = [str(Path(__file__).parents[1] / "tests"), str(Path(__file__).parents[1] / "tests" / "web")]

from fuzz import opened, serving  # noqa: E402 (where it is was said just above)
from test_generated import generated  # noqa: E402

from app.db import migrate  # noqa: E402

PACKAGES = ("openapi-typescript@7", "openapi-fetch@0.15", "typescript@5", "@types/node@22")
TILL = """
import createClient from "openapi-fetch";
import type { components, paths } from "./openapi.js";

const till = createClient<paths>({ baseUrl: process.env.URL!, headers: { Authorization: `Bearer ${process.env.KEY}` } });
const once = () => ({ "Idempotency-Key": crypto.randomUUID() });
function the<T>(said: { data?: T; error?: components["schemas"]["Problem"] }): T {
  if (said.data === undefined) throw new Error(said.error?.detail);
  return said.data;
}

const programs = the(await till.GET("/api/v1/programs"));
const body = { program_id: programs.data[0].id, name: "Hoa" };
const { card } = the(await till.POST("/api/v1/join", { params: { header: once() }, body }));
const params = { header: once(), path: { which: card.number } };
const earned = the(await till.POST("/api/v1/cards/{which}/earnings", { params, body: { count: card.goal } }));
const code: string = earned.earned[0].code;
const offer: components["schemas"]["CouponOffer"] = earned.earned[0].offer;
const benefit: string = offer.benefit.kind === "free_item" ? offer.benefit.item : offer.benefit.kind;
const header = once();
const first = the(await till.POST("/api/v1/redemptions", { params: { header }, body: { code } }));
const again = the(await till.POST("/api/v1/redemptions", { params: { header }, body: { code } }));
if (JSON.stringify(first) !== JSON.stringify(again)) throw new Error("sent again, it is another answer");
const used = await till.POST("/api/v1/redemptions", { params: { header: once() }, body: { code } });
if (used.error?.word !== "already_redeemed") throw new Error(`a second time it is ${used.error?.word}`);
const said = the(await till.POST("/api/v1/till", { body: { action: "accrue", transaction_id: crypto.randomUUID(), card: card.number } }));
if (!said.accepted || said.added !== 1) throw new Error("one visit is one stamp");
console.log(`${benefit}: joined, earned, redeemed once`);
"""
STRICT = ("--strict", "--noUncheckedIndexedAccess", "false", "--target", "es2022", "--module", "nodenext", "--types", "node")


def run(*command: str, folder: Path, **environment: str) -> str:
    """What a command says; its fault is ours."""
    done = subprocess.run(command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout


def main() -> None:
    """One shop, one server, its document through both."""
    if shutil.which("npm") is None:
        raise SystemExit("npm is not here: nothing was tried")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = f"sqlite:///{folder}/shop.db"
        asyncio.run(migrate(url))
        secret, _ = asyncio.run(opened(url))
        (folder / "package.json").write_text('{"type": "module"}', encoding="utf-8")
        run("npm", "install", "--no-audit", "--no-fund", *PACKAGES, folder=folder)
        with serving(url, folder / "server.log") as address:
            document = httpx.get(f"{address}/api/openapi.json").json()
            generated(document, folder)
            run("npx", "openapi-typescript", "openapi.json", "-o", "openapi.d.ts", folder=folder)
            (folder / "till.ts").write_text(TILL, encoding="utf-8")
            run("npx", "tsc", *STRICT, "till.ts", folder=folder)
            print(run("node", "till.js", folder=folder, URL=address, KEY=secret), end="")
        calls = sum(len(one) for one in document["paths"].values())
        lines = len((folder / "openapi.d.ts").read_text(encoding="utf-8").splitlines())
        print(f"RESULT name=clients generators=2 calls={calls} typescript_lines={lines} strict=yes")


if __name__ == "__main__":
    main()

"""Complete .pkpass files per second, against raw RSA-2048 signing (goal 0.85) and against py-pkpass as it is (goal 50).

Every pass is another real face: its balance, reward, code and holder change, and so do its strip and its sentences.
The images of one pass are 150 KB: those drawn for the brand, and a photograph such as a shop may put into its design.
"""

import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from uuid import UUID
from zipfile import ZipFile

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from PIL import Image
from py_pkpass import models

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from app import certs  # noqa: E402 (after the path)
from passes import codes  # noqa: E402
from passes.businesses import Brand, Business  # noqa: E402
from passes.cards import Card, Customer, Event  # noqa: E402
from passes.coupons import Coupon  # noqa: E402
from passes.face import Face, face  # noqa: E402
from passes.offers import FreeItem, Offer  # noqa: E402
from passes.programs import ByVisit, Goal, Program  # noqa: E402
from passes.wallets.apple import Apple, Certificate  # noqa: E402
from passes.words import Words, text  # noqa: E402

IMAGES = 150_000
BLOCK = 100  # faces of one round: short, so that what else the machine does meets all three alike
ROUNDS = 36
NOW = datetime.now(UTC).replace(microsecond=0)


def id_(number: int) -> UUID:
    return UUID(int=number)


def faces(count: int, chance: random.Random) -> list[Face]:
    """So many cards of one café, all different, as they come from the rules."""
    coffee = text(en="Free coffee", vi="Cà phê miễn phí")
    business = Business(
        id=id_(1), name="Café Sol", zone="Asia/Ho_Chi_Minh", currency="VND", languages=("en", "vi"), brand=Brand(symbol="cup")
    )
    offer = Offer(
        id=id_(2), business_id=id_(1), title=coffee, benefit=FreeItem(coffee), action=text(en="Press FREE COFFEE", vi="Bấm FREE COFFEE")
    )
    program = Program(
        id=id_(3),
        business_id=id_(1),
        name=text(en="Coffee card", vi="Thẻ cà phê"),
        unit="stamps",
        earning=ByVisit(),
        goals=(Goal(10, id_(2)),),
    )
    words = Words({"vi": {"Stamps": "Dấu", "READY": "SẴN SÀNG", "Added: {progress}": "Đã thêm: {progress}"}})
    made = []
    for number in range(count):
        card = Card(
            id=id_(1000 + number),
            business_id=id_(1),
            program_id=id_(3),
            customer_id=id_(2000 + number),
            number=codes.mint_number(chance.choice),
            serial=f"{chance.getrandbits(128):032x}",
            token=f"{chance.getrandbits(160):040x}",
            key=f"{chance.getrandbits(160):040x}",
            balance=chance.randrange(10),
            version=number + 1,
            joined_at=NOW,
            changed_at=NOW,
        )
        coupon = Coupon(
            id=id_(3000 + number),
            business_id=id_(1),
            offer_id=id_(2),
            card_id=card.id,
            customer_id=card.customer_id,
            code=codes.mint(chance.choice),
            issued_at=NOW,
            expires_at=NOW + timedelta(days=30),
        )
        customer = Customer(id=card.customer_id, business_id=id_(1), name=f"Nguyễn Thị {number}", joined_at=NOW)
        events = [
            Event(id=id_(number), business_id=id_(1), card_id=card.id, customer_id=customer.id, kind="stamped", at=NOW, amount=1)
            for _ in range(1 + chance.randrange(8))
        ]
        made.append(
            face(
                card=card,
                customer=customer,
                program=program,
                business=business,
                offers={offer.id: offer},
                coupons=[coupon] if chance.random() < 0.5 else [],
                events=events,
                words=words,
                now=NOW,
            )
        )
    return made


def design(folder: Path, drawn: int) -> None:
    """The classic design with a photograph that brings a pass to 150 KB of images."""
    classic = folder / "classic.pass"
    classic.mkdir(parents=True)
    (classic / "pass.json").write_bytes((ROOT / "templates/cards/classic.pass/pass.json").read_bytes())
    side = 1 + int(((IMAGES - drawn) / 3) ** 0.5)
    noise = Image.frombytes("RGB", (side, side), random.Random(2).randbytes(side * side * 3))
    noise.save(classic / "thumbnail@2x.png")


def images(pkpass: bytes) -> dict[str, bytes]:
    with ZipFile(BytesIO(pkpass)) as package:
        return {name: package.read(name) for name in package.namelist() if name.endswith(".png")}


def peer(shown: Face, pictures: dict[str, bytes], certificate: Certificate, folder: Path) -> bytes:
    """The same card by py-pkpass, used as its README says."""
    style = models.StoreCard()
    for line in shown.lines:
        add = getattr(style, f"add{line.place.title()}Field")
        add(line.key, line.value if isinstance(line.value, int) else str(line.value), line.label.said("en") if line.label else "")
    made = models.Pass(
        style, passTypeIdentifier=certificate.pass_type, organizationName=shown.organization, teamIdentifier=certificate.team
    )
    made.serialNumber, made.description = shown.serial, shown.program.said("en")
    made.authenticationToken, made.webServiceURL = shown.token, "https://cards.example/apple"
    made.barcode = models.Barcode(shown.barcode.message, models.BarcodeFormat.QR, shown.barcode.text)
    for name, content in pictures.items():
        made.addFile(name, BytesIO(content))
    pems = (str(folder / name) for name in ("certificate.pem", "key.pem", "wwdr.pem"))
    package: BytesIO = made.create(*pems, "")
    return package.getvalue()


def rate(work: Callable[[Face], object], some: Sequence[Face]) -> float:
    """Per second of one core: time in which the machine does something else is not counted, for us or for anybody."""
    begun = time.thread_time()
    for shown in some:
        work(shown)
    return len(some) / (time.thread_time() - begun)


def in_two_threads(work: Callable[[Face], object], some: Sequence[Face]) -> float:
    """Per second by the clock on the wall, by two threads together."""
    threads = [Thread(target=rate, args=(work, some)) for _ in range(2)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 2 * len(some) / (time.perf_counter() - begun)


@contextmanager
def on_one_core() -> Iterator[None]:
    """The kernel must not move us in the middle of a round."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    yield
    os.sched_setaffinity(0, cores)


def main() -> None:
    with TemporaryDirectory() as place:
        folder = Path(place)
        certs.make_development_chain(folder / "certs", pass_type="pass.example.bench", team="BENCH12345", organization="Café Sol", now=NOW)
        pems = [(folder / "certs" / name).read_bytes() for name in ("certificate.pem", "key.pem", "wwdr.pem")]
        certificate = Certificate.from_pem(*pems)
        key = load_pem_private_key(pems[1], None)
        assert isinstance(key, RSAPrivateKey)
        chance = random.Random(1)
        all_ = faces(4 * BLOCK, chance)

        plain = Apple(certificates={"": certificate}, designs=ROOT / "templates/cards", public_url="https://cards.example")
        drawn = images(plain.draw(all_[0], certificate=certificate, now=NOW))
        design(folder / "cards", sum(map(len, drawn.values())))
        apple = Apple(certificates={"": certificate}, designs=folder / "cards", public_url="https://cards.example")
        pictures = images(apple.draw(all_[0], certificate=certificate, now=NOW))
        padding, sha256 = PKCS1v15(), SHA256()

        def raw(shown: Face) -> bytes:
            return key.sign(shown.serial.encode() * 3, padding, sha256)

        def ours(shown: Face) -> bytes:
            return apple.draw(shown, certificate=certificate, now=NOW)

        def theirs(shown: Face) -> bytes:
            return peer(shown, pictures, certificate, folder / "certs")

        rate(ours, all_)  # draws the strips, once
        signed, own, peers = [], [], []
        with on_one_core():
            for number in range(ROUNDS):
                some = faces(BLOCK, chance)
                # Raw signing on both sides of ours: a clock that slows down during a round slows both.
                before, here, after = rate(raw, some[::2]), rate(ours, some), rate(raw, some[1::2])
                signed.append(statistics.harmonic_mean((before, after)))
                own.append(here)
                if number % 4 == 0:
                    peers.append(rate(theirs, some[:4]))
        both = [in_two_threads(ours, all_) for _ in range(3)]

        size = sum(map(len, pictures.values()))
        print(f"{ROUNDS} rounds of {BLOCK} faces, {size / 1000:.0f} KB of images in a pass")
        table = {"raw RSA-2048 key.sign": signed, "Counterpass": own, "py-pkpass": peers, "Counterpass, two threads": both}
        for name, rates in table.items():
            print(f"  {name:<26}{statistics.median(rates):>9.0f} per second   (from {min(rates):.0f} to {max(rates):.0f})")
        vs_rsa = statistics.median(a / b for a, b in zip(own, signed, strict=True))
        print(f"RESULT name=sign_vs_rsa ratio={vs_rsa:.2f} goal=0.85")
        print(f"RESULT name=sign_vs_pypkpass ratio={statistics.median(own) / statistics.median(peers):.1f} goal=50")


if __name__ == "__main__":
    main()

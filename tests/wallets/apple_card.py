"""A café's card in Apple Wallet, and a look into its package."""

import json
from datetime import timedelta
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID
from zipfile import ZipFile

from chains import NOW, chain
from msgspec.structs import replace

from passes.businesses import Brand, Business
from passes.cards import Card, Customer, Event
from passes.coupons import Coupon
from passes.face import Face, face
from passes.offers import FreeItem, Offer
from passes.programs import ByVisit, Goal, Program
from passes.wallets.apple import Apple, Certificate
from passes.words import Words, text

PASS_TYPE = "pass.example.cafe"
DESIGNS = Path(__file__).parents[2] / "templates" / "cards"
WORDS = Words({"vi": {"Stamps": "Tem", "Reward": "Quà", "READY": "SẴN SÀNG", "Added: {progress}": "Đã thêm: {progress}"}})
COFFEE = text(en="Free coffee", vi="Cà phê miễn phí")
BUSINESS = Business(
    id=UUID(int=1),
    name="Cà Phê Sáng",
    zone="Asia/Ho_Chi_Minh",
    currency="VND",
    languages=("en", "vi"),
    contact="028 1234",
    brand=Brand(symbol="cup"),
)
OFFER = Offer(id=UUID(int=2), business_id=UUID(int=1), title=COFFEE, benefit=FreeItem(COFFEE), action=text(en="Press FREE COFFEE"))
PROGRAM = Program(
    id=UUID(int=3),
    business_id=UUID(int=1),
    name=text(en="Coffee card", vi="Thẻ cà phê"),
    unit="stamps",
    earning=ByVisit(),
    goals=(Goal(10, UUID(int=2)),),
    terms=text(en='One per visit.\nNot "with" other\\offers.', vi="Mỗi lần một phần."),
)
CARD = Card(
    id=UUID(int=4),
    business_id=UUID(int=1),
    program_id=UUID(int=3),
    customer_id=UUID(int=5),
    number="K7QM4XRT9C2X",
    serial="4f0a9c1d2e3b4a5f6071",
    token="a-token-of-more-than-16-characters",
    key="key",
    balance=7,
    version=8,
    joined_at=NOW,
    changed_at=NOW,
)
COUPON = Coupon(
    id=UUID(int=6),
    business_id=UUID(int=1),
    offer_id=UUID(int=2),
    card_id=UUID(int=4),
    customer_id=UUID(int=5),
    code="K7QM4XRT3",
    issued_at=NOW,
    expires_at=NOW.replace(hour=16, minute=59, second=59) + timedelta(days=30),
)


def shown(
    *, ready: bool = False, name: str = "Nguyễn Thị Hoa", stamped: bool = True, balance: int = 7, offer: Offer = OFFER, **more: Any
) -> Face:
    """The face of the card; ``more`` replaces what a story cannot bring about."""
    events = [
        Event(id=UUID(int=7), business_id=UUID(int=1), card_id=CARD.id, customer_id=CARD.customer_id, kind="stamped", at=NOW, amount=1)
    ]
    drawn = face(
        card=replace(CARD, balance=balance),
        customer=Customer(id=CARD.customer_id, business_id=UUID(int=1), name=name, joined_at=NOW),
        program=PROGRAM,
        business=BUSINESS,
        offers={OFFER.id: offer},
        coupons=[COUPON] if ready else [],
        events=events if stamped else [],
        words=WORDS,
        now=NOW,
    )
    return replace(drawn, **more)


@cache
def certificate(pass_type: str = PASS_TYPE) -> Certificate:
    return Certificate.from_pem(*((chain(pass_type) / name).read_bytes() for name in ("certificate.pem", "key.pem", "wwdr.pem")))


@cache
def apple() -> Apple:
    return Apple(certificates={"": certificate()}, designs=DESIGNS, public_url="https://cards.example/", apns_url="https://push.example")


def drawn(shown: Face) -> bytes:
    return apple().draw(shown, certificate=certificate(), now=NOW)


class Package:
    """A .pkpass, opened as a phone opens it."""

    def __init__(self, pkpass: bytes) -> None:
        with ZipFile(BytesIO(pkpass)) as package:
            self.files = {name: package.read(name) for name in package.namelist()}
        self.content: dict[str, Any] = json.loads(self.files["pass.json"])

    def fields(self, kind: str) -> dict[str, dict[str, Any]]:
        """The fields of ``header``, ``back`` … by their keys."""
        return {field["key"]: field for field in self.content["storeCard"].get(kind + "Fields", [])}

    @property
    def everywhere(self) -> list[dict[str, Any]]:
        return [field for fields in self.content["storeCard"].values() for field in fields]

    def strings(self, language: str) -> dict[str, str]:
        """The texts of one language, read as Apple writes them."""
        raw = self.files[f"{language}.lproj/pass.strings"]
        assert raw.startswith(b"\xfe\xff")
        return dict(
            json.loads(f"[{key}, {value}]") for key, value in (line[:-1].split(" = ", 1) for line in raw.decode("utf-16").splitlines())
        )

    def said(self, language: str, value: Any) -> Any:
        """What a phone in this language shows of a value."""
        return self.strings(language).get(value, value)


def package(**story: Any) -> Package:
    return Package(drawn(shown(**story)))

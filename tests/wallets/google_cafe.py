"""A café whose cards live in Google Wallet, and the stand-in that it talks to over a real socket."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from app.outbound import Outbound
from app.sandbox.google import GoogleSandbox
from passes.businesses import Business
from passes.cards import Card, Customer, Event
from passes.coupons import Coupon
from passes.face import Face, face
from passes.offers import FreeItem, Offer
from passes.programs import ByVisit, Goal, Program
from passes.wallets.base import Answer, Ask, Delivered, Http, Installation
from passes.wallets.google import Account, Ensured, Google
from passes.words import Text, Words, text

NOON = datetime(2026, 11, 20, 5, 0, tzinfo=UTC)  # noon in Hồ Chí Minh City
WORDS = Words(
    {
        "vi": {
            "Stamps": "Tem",
            "Points": "Điểm",
            "Reward": "Quà",
            "READY": "SẴN SÀNG",
            "Up next": "Kế tiếp",
            "Valid until": "Dùng đến hết",
            "Member": "Thành viên",
            "Card number": "Số thẻ",
            "Latest": "Mới nhất",
            "Added: {progress}": "Đã thêm: {progress}",
            "Ready: {title}. Show this card at the counter.": "Sẵn sàng: {title}. Đưa thẻ này tại quầy.",
            "Used: {title}. Enjoy!": "Đã dùng: {title}. Chúc ngon miệng!",
        }
    }
)
COFFEE = text(en="Free coffee", vi="Cà phê miễn phí")
IDS = {name: UUID(int=number) for number, name in enumerate(("business", "program", "offer", "card", "customer"), 0x7000)}


class Clock:
    """Time stands until it is moved."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


class Cafe:
    """One card at a café, with whatever has happened to it."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self.business = Business(
            id=IDS["business"], name="Cà Phê Sáng", zone="Asia/Ho_Chi_Minh", currency="VND", languages=("vi", "en"), contact="028 1234 5678"
        )
        self.program = self.counting(round=10)
        self.offer = Offer(
            id=IDS["offer"], business_id=IDS["business"], title=COFFEE, benefit=FreeItem(COFFEE), action=text(en="press FREE COFFEE")
        )
        self.customer = Customer(id=IDS["customer"], business_id=IDS["business"], name="Nguyễn Thị Hoa", language="vi", joined_at=NOON)
        self.card = Card(
            id=IDS["card"],
            business_id=IDS["business"],
            program_id=IDS["program"],
            customer_id=IDS["customer"],
            number="K7QM4XRT9C2X",
            serial="serial",
            token="token",
            key="key",
            joined_at=NOON,
            changed_at=NOON,
        )
        self.coupons: list[Coupon] = []
        self.events: list[Event] = []

    def counting(self, *, round: int, unit: str = "stamps", terms: Text | None = None) -> Program:  # noqa: A002
        return Program(
            id=IDS["program"],
            business_id=IDS["business"],
            name=text(en="Coffee card", vi="Thẻ cà phê"),
            unit=unit,  # type: ignore[arg-type]
            earning=ByVisit(),
            goals=(Goal(round, IDS["offer"]),),
            terms=terms or text(en="One reward per visit.", vi="Mỗi lần ghé một phần quà."),
        )

    def happened(self, kind: str, **more: Any) -> None:
        """Something happened to the card just now."""
        card = self.card
        event = Event(
            id=UUID(int=len(self.events)),
            business_id=card.business_id,
            card_id=card.id,
            customer_id=card.customer_id,
            kind=kind,  # type: ignore[arg-type]
            at=self.clock(),
            **more,
        )
        self.events.insert(0, event)
        self.card = msgspec.structs.replace(card, version=card.version + 1, changed_at=self.clock())

    def stamp(self, count: int = 1) -> None:
        self.card = msgspec.structs.replace(self.card, balance=self.card.balance + count)
        self.happened("stamped", amount=count)

    def reward(self, *, days: int | None = 30) -> Coupon:
        """A coupon becomes ready."""
        number = len(self.coupons)
        coupon = Coupon(
            id=UUID(int=0xC000 + number),
            business_id=IDS["business"],
            offer_id=IDS["offer"],
            card_id=IDS["card"],
            customer_id=IDS["customer"],
            code=f"K7QM4X{number:03}",
            issued_at=self.clock(),
            expires_at=None if days is None else self.clock().replace(hour=16, minute=59, second=59) + timedelta(days=days),
        )
        self.coupons.append(coupon)
        self.happened("earned", coupon_id=coupon.id)
        return coupon

    def redeem(self) -> None:
        """The oldest ready coupon is used."""
        at = next(number for number, coupon in enumerate(self.coupons) if coupon.state == "active")
        self.coupons[at] = msgspec.structs.replace(self.coupons[at], state="redeemed", redemption_id=UUID(int=1))
        self.happened("redeemed", coupon_id=self.coupons[at].id)

    def face(self) -> Face:
        return face(
            card=self.card,
            customer=self.customer,
            program=self.program,
            business=self.business,
            offers={self.offer.id: self.offer},
            coupons=self.coupons,
            events=self.events,
            words=WORDS,
            now=self.clock(),
        )


class Phone:
    """The card in Google Wallet: the stand-in, our wallet for it, and the installation as the followers keep it."""

    def __init__(self, google: GoogleSandbox, wallet: Google, http: Http, cafe: Cafe) -> None:
        self.google, self.wallet, self.http, self.cafe = google, wallet, http, cafe
        self.clock = cafe.clock
        self.known: bytes | None = None
        self.installation = Installation(
            id=UUID(int=1),
            business_id=IDS["business"],
            card_id=IDS["card"],
            wallet="google",
            address=wallet.object_id(IDS["card"]),
            registered_at=NOON,
        )

    @property
    def card(self) -> dict[str, Any]:
        """The object at Google."""
        return self.google.objects[self.installation.address]

    async def ensure(self) -> object:
        ensured = await self.wallet.ensure(self.cafe.face(), known=self.known, http=self.http, now=self.clock())
        if isinstance(ensured, Ensured):
            self.known = ensured.digest
            self.installation = msgspec.structs.replace(self.installation, told_at=self.clock())
        return ensured

    async def open(self) -> object:
        """What opening the link does for a card that is new to us, of a class that Google has."""
        return await self.wallet.ensure(self.cafe.face(), known=self.known, aside=True, http=self.http, now=self.clock())

    async def save(self) -> None:
        """The card is made, and the person presses the button."""
        assert isinstance(await self.ensure(), Ensured)
        await self.google.save(self.wallet.save_link(self.cafe.face(), now=self.clock()))

    async def tell(self) -> object:
        """What the followers do, and how they write it down."""
        outcome = await self.wallet.tell(self.installation, self.cafe.face(), http=self.http, now=self.clock())
        if isinstance(outcome, Delivered):
            notified = (*self.installation.notified_at, self.clock())[-3:] if outcome.notified else self.installation.notified_at
            self.installation = msgspec.structs.replace(self.installation, told_at=self.clock(), notified_at=notified)
        return outcome

    def calls(self) -> list[str]:
        """What was asked of the API since the last look, as ``PATCH loyaltyObject 200``."""
        asked = [one for one in self.google.requests if one.path.startswith("/walletobjects")]
        self.google.requests.clear()
        return [f"{one.method} {one.path.split('/')[3]} {one.status}" for one in asked]


def wallet_for(google: GoogleSandbox, *, account: Account | None = None, public_url: str = "https://cards.example") -> Google:
    return Google(
        account=account or Account.from_json(google.account_path.read_bytes()),
        issuer=google.issuer,
        url=google.url,
        keys_url=google.keys_url,
        public_url=public_url,
        save_url=google.save_url,
    )


@asynccontextmanager
async def open_phone(folder: Path) -> AsyncIterator[Phone]:
    """Google, our wallet for it, and a card at the café."""
    cafe, http = Cafe(), Outbound()
    async with GoogleSandbox(folder, now=cafe.clock) as google:
        google.rate = None
        yield Phone(google, wallet_for(google), http, cafe)
        await http.close()


class Answers:
    """A vendor that gives these answers in turn, and keeps what it was asked."""

    def __init__(self, *answers: Answer) -> None:
        self.answers: Sequence[Answer] = answers
        self.asked: list[Ask] = []

    async def __call__(self, ask: Ask) -> Answer:
        self.asked.append(ask)
        return self.answers[len(self.asked) - 1]

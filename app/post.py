"""The way out for e-mail: one letter at a time over SMTP, to the server that the settings name."""

import re
import ssl
from asyncio import Lock, timeout
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import aiosmtplib
import msgspec

from app.world import World

SCHEMES: Final = {"smtp": 25, "smtps": 465, "smtp+starttls": 587}
"""How the connection is protected, and the usual port of each."""
PATIENCE: Final = 20.0
"""Seconds for each answer of the server."""
AT_FIRST: Final = 5.0
"""Seconds for it to answer at all, and for the letter in front to be gone."""
LONGEST: Final = 90.0
"""Seconds for a letter altogether."""
REST: Final = timedelta(minutes=1)
"""A server that swallows what it is sent is not tried again for so long."""
ADDRESS: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*")
"""What is taken for an address, as browsers do (https://html.spec.whatwg.org/#valid-e-mail-address): nothing that could end a header."""
_PLAIN: Final = SMTP.clone(cte_type="7bit", raise_on_defect=True, max_line_length=998)
"""Seven bits and no folded headers, which not everybody unfolds: https://www.rfc-editor.org/rfc/rfc5322#section-2.1.1 allows 998."""


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """An e-mail to one person. ``unsubscribe`` is the address of the page that ends such letters, where that is offered.

    ``id`` makes its Message-ID: the same letter sent again after a crash is known for the same by who receives it.
    """

    to: str
    subject: str
    text: str
    html: str = ""
    unsubscribe: str = ""
    id: str = ""


class Undelivered(Exception):
    """A letter was not taken. ``lasting``: it never will be (the address is refused). The reason never names the person."""

    def __init__(self, why: str, *, lasting: bool) -> None:
        self.why = why
        self.lasting = lasting
        super().__init__(why)


Send = Callable[[Letter], Awaitable[None]]
"""Returns when the server has taken the letter. Raises Undelivered."""


class Post:
    """``await post(letter)``. One connection, which is kept: a server that is greeted for each letter soon says that it is enough."""

    def __init__(self, url: str, sender: str, world: World, *, trust: Path | None = None, at_first: float = AT_FIRST) -> None:
        """``url`` is ``smtp://``, ``smtps://`` or ``smtp+starttls://user:password@host:port``. Raises ValueError for what cannot be one."""
        split = urlsplit(url)
        if split.scheme not in SCHEMES or not split.hostname:
            raise ValueError("the address of the mail server is like smtp+starttls://user:password@host:587")
        if not ADDRESS.fullmatch(sender):
            raise ValueError("the sender's address is like card@example.com")
        self._sender, self._world, self._at_first = sender, world, at_first
        secret = split.scheme != "smtp"
        self._client = aiosmtplib.SMTP(
            hostname=split.hostname,
            port=split.port or SCHEMES[split.scheme],
            username=unquote(split.username) if split.username else None,
            password=unquote(split.password) if split.password else None,
            use_tls=split.scheme == "smtps",
            start_tls=split.scheme == "smtp+starttls",
            tls_context=ssl.create_default_context(cafile=trust) if secret else None,
            local_hostname=sender.rpartition("@")[2],
            timeout=PATIENCE,
        )
        self._alone = Lock()
        self._rests_until: datetime | None = None

    async def __call__(self, letter: Letter) -> None:
        """Send one letter."""
        message = self._written(letter)
        async with self._turn():
            try:
                await self._client.sendmail(self._sender, [letter.to], message, timeout=PATIENCE)
            except aiosmtplib.SMTPRecipientsRefused as refused:
                code = refused.recipients[0].code
                raise Undelivered(f"the recipient is refused ({code})", lasting=code >= 500) from None  # noqa: PLR2004 (RFC 5321, 4.2.1)
            except aiosmtplib.SMTPDataError as error:
                raise Undelivered(f"the letter is refused ({error.code})", lasting=error.code >= 500) from None  # noqa: PLR2004

    async def knock(self) -> None:
        """Connect and sign in, and ask whether our sender is welcome; nothing is sent. Raises Undelivered."""
        async with self._turn():
            await self._client.mail(self._sender)
            await self._client.rset()

    async def close(self) -> None:
        """Hang up."""
        self._client.close()

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Alone with a server that is there. Nobody waits long for it: a letter that was not taken is sent later. Raises Undelivered."""
        try:
            async with timeout(self._at_first):
                await self._alone.acquire()
        except TimeoutError:
            raise Undelivered("the server is slow", lasting=False) from None
        try:
            if self._rests_until is not None and self._world.now() < self._rests_until:
                raise Undelivered("the server has just not answered", lasting=False)
            async with timeout(LONGEST):
                if not self._client.is_connected:
                    await self._client.connect(timeout=self._at_first)
                yield
        except (aiosmtplib.SMTPException, OSError) as error:  # among them TimeoutError
            if isinstance(error, TimeoutError):
                self._rests_until = self._world.now() + REST
                self._client.close()
            raise Undelivered(_why(error), lasting=False) from None
        finally:
            self._alone.release()

    def _written(self, letter: Letter) -> bytes:
        if not ADDRESS.fullmatch(letter.to):
            raise Undelivered("the address is none", lasting=True)
        message = EmailMessage(policy=_PLAIN)
        message["From"] = self._sender
        message["To"] = letter.to
        message["Subject"] = " ".join("".join(char if char.isprintable() else " " for char in letter.subject).split())
        message["Date"] = format_datetime(self._world.now())
        message["Message-ID"] = f"<{letter.id or self._world.token()}@{self._sender.rpartition('@')[2]}>"
        if letter.unsubscribe:  # one click, without opening the page: https://www.rfc-editor.org/rfc/rfc8058
            message["List-Unsubscribe"] = f"<{letter.unsubscribe}>"
            message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        message.set_content(letter.text)
        if letter.html:
            message.add_alternative(letter.html, subtype="html")
        return message.as_bytes()


def _why(error: Exception) -> str:
    """What happened, without the server's own words: they may repeat an address or a password."""
    if isinstance(error, aiosmtplib.SMTPSenderRefused):
        return f"the sender is refused ({error.code})"
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        return f"name or password are refused ({error.code})"
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return f"the server refuses ({error.code})"
    return f"the server cannot be reached ({type(error).__name__})"

"""A stand-in for a mail server that speaks SMTP over a real socket, and refuses what real ones refuse."""

import asyncio
import base64
from collections import Counter
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from types import TracebackType
from typing import Final, Self

LARGEST: Final = 1_000_000
GREYLISTED: Final = "grey."
"""Domains that begin so ask a stranger to come again (https://www.rfc-editor.org/rfc/rfc6647)."""
NOBODY: Final = "nobody@"
"""Addresses that begin so are nobody's."""


class MailSandbox:
    """``async with MailSandbox() as mail``: letters that were taken stand in ``letters``, by whom they reached."""

    def __init__(self, *, domain: str = "cards.example", user: str = "", password: str = "", port: int = 0) -> None:
        """It takes letters from senders of ``domain`` only; with ``user`` only after that name and ``password``."""
        self._domain, self._user, self._password, self._port = domain, user, password, port
        self.letters: list[tuple[str, EmailMessage]] = []
        self.refused: Counter[str] = Counter()
        self.greeted = 0
        """Connections."""
        self.closed = False
        """Say 421 to everybody, as one does that is being restarted."""
        self._met: set[str] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.close()

    @property
    def url(self) -> str:
        """What COUNTERPASS_SMTP_URL would be."""
        who = f"{self._user}:{self._password}@" if self._user else ""
        return f"smtp://{who}127.0.0.1:{self.port}"

    def to(self, address: str) -> list[EmailMessage]:
        """The letters to an address."""
        return [letter for one, letter in self.letters if one == address]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.greeted += 1
        try:
            await _Conversation(self, reader, writer).hold()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # they hung up
        finally:
            writer.close()

    def sender_refused(self, sender: str) -> bool:
        """Whether a letter from there is not taken."""
        return not sender.endswith(f"@{self._domain}")

    def answer_to(self, recipient: str) -> str:
        """What is said to a recipient."""
        if recipient.startswith(NOBODY):
            return "550 5.1.1 No such user"
        if recipient.partition("@")[2].startswith(GREYLISTED) and recipient not in self._met:
            self._met.add(recipient)
            return "450 4.2.0 Greylisted, try again"
        return "250 2.1.5 Ok"

    def signed_in(self, answer: bytes) -> bool:
        """Whether AUTH PLAIN's answer is right; nobody needs to where there is no name."""
        return base64.b64decode(answer) == f"\0{self._user}\0{self._password}".encode()

    @property
    def asks(self) -> bool:
        """Whether one must sign in."""
        return bool(self._user)


class _Conversation:
    def __init__(self, mail: MailSandbox, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._mail, self._reader, self._writer = mail, reader, writer
        self._known = not mail.asks
        self._sender = ""
        self._recipients: list[str] = []

    async def hold(self) -> None:
        await self._say("220 sandbox ESMTP")
        while True:
            line = (await self._reader.readuntil(b"\r\n")).decode("ascii", "replace").rstrip("\r\n")
            if self._mail.closed:
                await self._say("421 4.3.2 Restarting")
                return
            verb = line.partition(" ")[0].upper()
            if verb == "QUIT":
                await self._say("221 Bye")
                return
            await self._say(*(await self._answer(verb, line)))

    async def _answer(self, verb: str, line: str) -> tuple[str, ...]:  # noqa: PLR0911 (a table)
        match verb:
            case "EHLO":
                return ("250-sandbox", *(["250-AUTH PLAIN"] if self._mail.asks else []), "250 8BITMIME")
            case "HELO" | "NOOP":
                return ("250 Ok",)
            case "RSET":
                self._sender, self._recipients = "", []
                return ("250 Ok",)
            case "AUTH":
                self._known = self._mail.signed_in(line.rpartition(" ")[2].encode())
                return ("235 2.7.0 Welcome",) if self._known else ("535 5.7.8 Name or password are wrong",)
            case "MAIL":
                return self._refused(self._from(_between(line)))
            case "RCPT" if self._sender:
                answer = self._mail.answer_to(_between(line))
                if answer.startswith("250"):
                    self._recipients.append(_between(line))
                return self._refused(answer)
            case "DATA" if self._recipients:
                await self._say("354 Go on")
                return self._taken(await self._reader.readuntil(b"\r\n.\r\n"))
        return ("503 5.5.1 Not now",)

    def _from(self, sender: str) -> str:
        if not self._known:
            return "530 5.7.0 Sign in first"
        if self._mail.sender_refused(sender):
            return "553 5.7.1 Sender not allowed"
        self._sender = sender
        return "250 2.1.0 Ok"

    def _refused(self, answer: str) -> tuple[str, ...]:
        if not answer.startswith("250"):
            self._mail.refused[answer[:3]] += 1
        return (answer,)

    def _taken(self, data: bytes) -> tuple[str, ...]:
        recipients, self._sender, self._recipients = self._recipients, "", []
        plain = data[:-5].replace(b"\r\n..", b"\r\n.")
        letter = message_from_bytes(plain, policy=default)
        if not plain.isascii() or len(plain) > LARGEST or not letter["Message-ID"] or not letter["Date"]:
            return self._refused("554 5.6.0 This is no letter")
        self._mail.letters += [(recipient, letter) for recipient in recipients]
        return ("250 2.0.0 Taken",)

    async def _say(self, *lines: str) -> None:
        self._writer.write("".join(f"{line}\r\n" for line in lines).encode())
        await self._writer.drain()


def _between(line: str) -> str:
    return line.partition("<")[2].partition(">")[0]

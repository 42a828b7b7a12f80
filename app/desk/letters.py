"""E-mails of campaigns, and to who has joined: in the customer's language, sent when they are due, later if the mail server says so."""

import asyncio
from datetime import datetime, timedelta
from html import escape
from typing import Final

import structlog
from msgspec.structs import replace

from app.desk import Desk, join
from app.desk.looking import keep_looking
from app.post import LONGEST, Letter, Undelivered
from app.store import CardFacts, Sent
from passes.campaigns import Campaign, addressed, quiet_until
from passes.words import N_

log = structlog.get_logger()

LEASE: Final = timedelta(minutes=5)
BATCH: Final = 20
LOOK: Final = 2.0
"""Seconds between looks when nothing is due."""
FIRST_WAIT: Final = timedelta(minutes=2)
LONGEST_WAIT: Final = timedelta(hours=6)
MOST_TRIES: Final = 10
"""With waits that double from two minutes: about a day."""
SUBJECT: Final = 78
"""Characters that a subject has at most."""


def written(desk: Desk, campaign: Campaign, facts: CardFacts, *, letter_id: str) -> Letter:
    """What a campaign says, as an e-mail to who holds this card: plain, and as simple HTML, with the card's link."""
    customer, business = facts.customer, facts.business
    language = customer.language
    offer = facts.offers.get(campaign.offer_id) if campaign.offer_id else None
    said = [addressed(campaign.message, customer.name).said(language)] if campaign.message is not None else []
    if offer is not None:
        said.append(desk.words.said(language, N_("On your card now: {title}."), title=offer.title.said(language)))
    card, leave = f"{desk.public_url}/c/{facts.card.key}", f"{desk.public_url}/leave-mail/{facts.card.id}"
    look = desk.words.said(language, N_("Look at your card"))
    why = desk.words.said(
        language, N_("{shop} sends you this because you agreed to be sent offers. No more e-mail like this:"), shop=business.name
    )
    signed = "\n".join(part for part in (business.name, business.contact) if part)
    paragraphs = "".join(f"<p>{_lines(one)}</p>" for one in said)
    return Letter(
        id=letter_id,
        to=customer.email,
        subject=" ".join((said or [business.name])[0].split())[:SUBJECT],
        text="\n\n".join([*said, f"{look}: {card}", signed, f"{why} {leave}"]) + "\n",
        html=(
            f'<!doctype html><html lang="{escape(language)}"><body>{paragraphs}<p><a href="{escape(card)}">{escape(look)}</a></p>'
            f'<p>{_lines(signed)}</p><p><small><a href="{escape(leave)}">{escape(why)}</a></small></p></body></html>'
        ),
        unsubscribe=leave,
    )


def _lines(text: str) -> str:
    return escape(text).replace("\n", "<br>")


class Letters:
    """Whoever sends the e-mails that are due. Any number of processes may: one who is killed after sending sends one letter again."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def run(self) -> None:
        """Send until cancelled; nothing to do without a mail server."""
        if self._desk.post is not None:
            await keep_looking("e-mails", self.step, lambda sent: asyncio.sleep(0 if sent else LOOK))

    async def step(self) -> int:
        """The e-mails that are due now, a batch at most; how many were taken."""
        store, now = self._desk.store, self._desk.world.now()
        lease_until = now + LEASE
        taken = await store.take_mail(now=now, lease_until=lease_until, limit=BATCH)
        facts = await store.cards_facts([one.card_id for one in taken]) if taken else {}
        for one in taken:
            if self._desk.world.now() + timedelta(seconds=LONGEST) >= lease_until:  # somebody else may have it before it is sent
                break
            of_card = facts.get(one.card_id)
            became = await self._sent(one, of_card) if of_card else replace(one, mail="")
            await store.put_mail([became])
        return len(taken)

    async def _sent(self, one: Sent, facts: CardFacts) -> Sent:
        now, customer = self._desk.world.now(), facts.customer
        if one.occasion == join.JOINED:
            gone = customer.erased_at is not None or facts.card.left_at is not None
            joined = () if gone else await join.letters(self._desk, facts, again=one.mail_tries > 0)
            return await self._posted(one, replace(joined[0], id=str(one.id)), now) if joined else replace(one, mail="")
        if until := quiet_until(facts.business, now):
            return replace(one, mail_at=until)
        campaign = await self._desk.store.campaign(one.business_id, one.campaign_id)
        gone = customer.erased_at is not None or facts.card.left_at is not None
        if campaign is None or self._desk.post is None or gone or not customer.email or customer.consent_at is None:
            return replace(one, mail="")  # they took their consent back, or went, since it was written down
        return await self._posted(one, written(self._desk, campaign, facts, letter_id=str(one.id)), now)

    async def _posted(self, one: Sent, letter: Letter, now: datetime) -> Sent:
        if self._desk.post is None:
            return replace(one, mail="")
        try:
            await self._desk.post(letter)
        except Undelivered as undelivered:
            return self._later(one, undelivered, now)
        return replace(one, mail="sent", mail_at=self._desk.world.now(), mail_tries=one.mail_tries + 1)

    def _later(self, one: Sent, undelivered: Undelivered, now: datetime) -> Sent:
        tries = one.mail_tries + 1
        if undelivered.lasting or tries >= MOST_TRIES:
            log.info("an e-mail is given up", why=undelivered.why, tries=tries)
            return replace(one, mail="failed", mail_tries=tries)
        log.info("an e-mail will be sent later", why=undelivered.why, tries=tries)
        wait = min(FIRST_WAIT * 2**one.mail_tries, LONGEST_WAIT) * (0.75 + 0.5 * self._desk.world.uniform())
        return replace(one, mail_tries=tries, mail_at=now + wait)

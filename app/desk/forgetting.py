"""Somebody wants to be forgotten: the ledger stays, the person goes."""

from uuid import UUID

from app.desk import ATTEMPTS, Desk, audit, leaving
from app.store import Lost
from passes.businesses import Business
from passes.problems import Busy, NotFound
from passes.words import N_


async def forget(desk: Desk, business: Business, customer_id: UUID, *, by: UUID | None) -> None:
    """Forget a customer and whoever was merged into them; ``by`` is the member of staff who does it, None the customer.

    Their cards are left first, so that no phone shows one that works while nobody knows any more whose it is; then the person goes;
    then the phones are told once more, and get a card without a name. Whatever crashes in between is done by doing it again. What was
    redeemed, earned and counted stays as it was. Who is merged with somebody at that moment is forgotten with them. A customer's own word
    for who they are takes nothing out of what others are told, or of their receipts. Raises NotFound, also for who is forgotten already.
    """
    for _ in range(ATTEMPTS):
        life = await desk.store.life(business.id, customer_id)
        if life is None or life.family[0].erased_at is not None:
            raise NotFound(what=N_("customer"))
        for card in life.cards:
            if card.left_at is None:
                await leaving.leave(desk, business, card.id, by=by)
        person, *also = life.family
        line = (audit.line(desk, by, "customer.erased", person, None),) if by is not None else ()
        try:
            await desk.store.forget(person, at=desk.world.now(), also=also, sure=by is not None, rows=line)
        except Lost:
            now = await desk.store.customer(business.id, customer_id)
            if now and now.merged_into and not person.merged_into:
                customer_id = now.merged_into
            continue
        if life.cards:
            await desk.commit(desk.world.now(), touches=[card.id for card in life.cards])
        return
    raise Busy(retry_after=1)

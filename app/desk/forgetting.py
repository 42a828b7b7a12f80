"""Somebody wants to be forgotten: the ledger stays, the person goes."""

from uuid import UUID

from app.desk import Desk, audit, leaving
from passes.businesses import Business
from passes.problems import NotFound
from passes.words import N_


async def forget(desk: Desk, business: Business, customer_id: UUID, *, by: UUID | None) -> None:
    """Forget a customer and whoever was merged into them; ``by`` is the member of staff who does it, None the customer.

    Their cards are left first, so that no phone shows one that works while nobody knows any more whose it is; then the person goes;
    then the phones are told once more, and get a card without a name. Whatever crashes in between is done by doing it again. What was
    redeemed, earned and counted stays as it was. Raises NotFound, also for one who is forgotten already.
    """
    life = await desk.store.life(business.id, customer_id)
    if life is None or life.family[0].erased_at is not None:
        raise NotFound(what=N_("customer"))
    for card in life.cards:
        if card.left_at is None:
            await leaving.leave(desk, business, card.id, by=by)
    person, *also = life.family
    line = (audit.line(desk, by, "customer.erased", person, None),) if by is not None else ()
    await desk.store.forget(person, at=desk.world.now(), also=also, rows=line)
    if life.cards:
        await desk.commit(desk.world.now(), touches=[card.id for card in life.cards])

"""A customer joins: by a till that is trusted, and by themselves on the program's page."""

from shop import Shop


async def test_who_is_known_gets_the_card_that_they_have(shop: Shop) -> None:
    first = await shop.post("join", {"program_id": str(shop.program.id), "name": "Hoa", "email": "Hoa@Example.com"})
    again = await shop.post("join", {"program_id": str(shop.program.id), "name": "Hoa N.", "email": "hoa@example.com ", "phone": "0903 123 678"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    by_phone = await shop.post("join", {"program_id": str(shop.program.id), "name": "H", "phone": "+84 903 123678"})
    assert by_phone.json() == first.json()

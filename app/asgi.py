"""Everything meets here: settings, world, database, wallets, followers and the web become one application."""

import asyncio
import contextlib
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

from anyio import CapacityLimiter
from litestar import Litestar, Router
from litestar.config.csrf import CSRFConfig
from litestar.datastructures import CacheControlHeader
from litestar.exceptions import HTTPException
from litestar.middleware import DefineMiddleware
from litestar.static_files import create_static_files_router
from litestar.types import ControllerRouterHandler
from msgspec.structs import replace

from app import certs, db, doctor, languages
from app.almanac import Almanac
from app.credentials import TEMPLATES, apple_wallet, google_wallet, post_office
from app.desk import Desk, starting
from app.desk.automations import Automations
from app.desk.courtesy import Courtesy
from app.desk.letters import Letters
from app.errands import Errands
from app.followers import Followers
from app.herald import Herald
from app.outbound import Outbound
from app.settings import Settings
from app.web import (
    api,
    apple,
    at_counter,
    audit,
    brand,
    campaigns,
    counter,
    counters,
    coupons,
    customers,
    design,
    errands,
    exports,
    holder,
    imports,
    inserts,
    insight,
    join,
    keys,
    limiting,
    locations,
    offers,
    pages,
    people,
    pictures,
    posters,
    programs,
    public,
    redemptions,
    reference,
    scenarios,
    segments,
    signing_in,
    start,
    style,
    webhooks,
)
from app.web import (
    settings as business_settings,
)
from app.web.forms import Wrong, on_wrong
from app.web.live import Live
from app.web.sessions import LARGEST_FORM, Forms, sessions
from app.web.wire import HANDLERS
from app.world import World, real, token
from passes.wallets.base import Http
from passes.words import Words

PHOTOS: Final = 2
"""Photos that are read at once: each may take 100 MB and a core for a while, and the others can wait."""
STATIC: Final = Path(__file__).parent / "static"
PAGES: Final[tuple[ControllerRouterHandler, ...]] = (
    *join.handlers,
    *holder.handlers,
    *signing_in.handlers,
    *start.handlers,
    *people.handlers,
    *customers.handlers,
    *audit.handlers,
    *counters.handlers,
    *keys.handlers,
    *webhooks.handlers,
    *locations.handlers,
    *business_settings.handlers,
    *posters.handlers,
    *at_counter.handlers,
    *counter.handlers,
    *redemptions.handlers,
    *insight.handlers,
    *campaigns.handlers,
    *segments.handlers,
    *errands.handlers,
    *exports.handlers,
    *coupons.handlers,
    *imports.handlers,
    *inserts.handlers,
    *pictures.handlers,
    *design.handlers,
    *programs.handlers,
    *offers.handlers,
    *scenarios.handlers,
    *reference.handlers,
)
"""Everything that people look at in a browser, in the order of the house's front to its back."""


def words() -> Words:
    """The catalogue of every language that we speak."""
    return languages.load(TEMPLATES / "locale")


@contextlib.asynccontextmanager
async def open_desk(
    settings: Settings, *, world: Callable[[Http], World] = real, courtesy: Courtesy | None = None
) -> AsyncIterator[tuple[Desk, asyncio.Event]]:
    """The desk over a database, with its way out, and the bell that its followers listen to; closed in the end."""
    outbound = Outbound(trust=settings.trust)
    store = await db.open_store(settings.database_url, queue=settings.queue)
    bell = asyncio.Event()
    here = world(outbound)
    post = post_office(settings, here)
    desk = Desk(
        store=store,
        world=here,
        words=words(),
        apple=apple_wallet(settings),
        google=google_wallet(settings),
        public_url=settings.public_url.rstrip("/"),
        bell=bell.set,
        post=post,
        sandbox=settings.stand_ins,
        aside=(courtesy or Courtesy()).step_aside,
        webhooks_private=settings.webhooks_private,
    )
    try:
        yield desk, bell
    finally:
        await store.close()
        if post is not None:
            await post.close()
        await outbound.close()


@contextlib.asynccontextmanager
async def following(desk: Desk, bell: asyncio.Event, *, lease: float) -> AsyncIterator[None]:
    """Followers, errands, automations, e-mails and webhooks at work for as long as this is open."""
    followers = Followers(desk, bell, lease=timedelta(seconds=lease))
    errands = Errands(desk, lease=timedelta(seconds=2 * lease))
    tasks = [
        asyncio.create_task(each.run()) for each in (followers, errands, Automations(desk), Letters(desk), Almanac(desk), Herald(desk))
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def create_app(settings: Settings, *, followers: bool = True, world: Callable[[Http], World] = real) -> Litestar:
    """The web application; with ``followers`` it also tells the phones."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        courtesy = Courtesy()
        async with contextlib.AsyncExitStack() as stack:
            desk, bell = await stack.enter_async_context(open_desk(settings, world=world, courtesy=courtesy))
            streams = app.state.live = Live()
            told = await stack.enter_async_context(db.neighbours(settings.database_url, streams.heard))

            def news(business_id: UUID) -> None:
                streams.news(business_id)
                told(str(business_id))

            desk = replace(desk, news=news)
            app.state.in_flight = courtesy.in_flight
            app.state.limits = limiting.Limits()
            app.state.desk = desk
            app.state.bell = bell
            app.state.pages = TEMPLATES / "pages"
            app.state.checks = lambda ask: doctor.checks(settings, desk.store, now=desk.world.now(), ask=ask)
            app.state.complaints = Counter()
            app.state.complete = set()
            app.state.photos = CapacityLimiter(PHOTOS)
            app.state.art = CapacityLimiter(1)  # anybody may ask for it: at a counter nobody waits for that
            if followers:
                await stack.enter_async_context(following(desk, bell, lease=settings.lease))
            yield

    key = certs.session_key(settings.certs, drawn=token)
    secure = settings.public_url.startswith("https:")
    csrf = CSRFConfig(
        secret=hashlib.sha256(b"csrf" + key).hexdigest(),
        cookie_name=pages.CSRF,
        cookie_secure=secure,
        cookie_httponly=True,
        cookie_samesite="strict",
    )
    looked_at = Router(
        "/",
        route_handlers=PAGES,
        middleware=[sessions(key, secure=secure), DefineMiddleware(Forms, config=csrf)],
        request_max_body_size=LARGEST_FORM,
        exception_handlers={**pages.HANDLERS, Wrong: on_wrong},
    )
    files = create_static_files_router(
        path="/static",
        directories=[STATIC],
        cache_control=CacheControlHeader(no_cache=True),  # asked each time, answered 304: a new release is seen at once
    )
    app = Litestar(
        before_send=[pages.guarded, limiting.told],
        route_handlers=[
            api.router,
            Router("/apple", route_handlers=[apple.router]),
            *public.handlers,
            *reference.public,
            *pictures.public,
            Router("/", route_handlers=campaigns.public, exception_handlers=pages.HANDLERS),
            style.sheet,
            brand.sheet,
            brand.paint,
            looked_at,
            files,
        ],
        lifespan=[lifespan],
        exception_handlers={**HANDLERS, HTTPException: pages.on_nowhere},
        openapi_config=None,  # app/web/api/described.py describes what it serves by the types that it decodes and encodes
        debug=False,
        logging_config=None,  # ours is set at start (app/logs.py); Litestar would put its own handlers over it
    )
    app.state.start = starting.secret(key)
    return app

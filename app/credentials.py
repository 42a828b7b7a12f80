"""What this installation has credentials for, opened as the settings say: the wallets, and the mail server."""

from pathlib import Path
from typing import Final

from app.post import Post
from app.settings import Settings
from app.world import World
from passes.wallets.apple import Apple, Certificate, PushKey
from passes.wallets.google import Account, Google

TEMPLATES: Final = Path(__file__).parent.parent / "templates"


def apple_wallet(settings: Settings) -> Apple | None:
    """Apple Wallet with the certificates in the folder of settings, or None without any."""
    folders = {folder.name: folder for folder in settings.certs.glob("apple*") if (folder / "certificate.pem").exists()}
    certificates = {
        name.removeprefix("apple").removeprefix("-"): Certificate.from_pem(
            *((folder / file).read_bytes() for file in ("certificate.pem", "key.pem", "wwdr.pem"))
        )
        for name, folder in folders.items()
    }
    if not certificates:
        return None
    push_key = PushKey(settings.apns_key.read_bytes(), key_id=settings.apns_key_id) if settings.apns_key else None
    return Apple(
        certificates=certificates,
        designs=TEMPLATES / "cards",
        public_url=settings.public_url,
        apns_url=settings.apns_url,
        push_key=push_key,
    )


def google_wallet(settings: Settings) -> Google | None:
    """Google Wallet with the service account of settings, or None without one."""
    if settings.google_account is None:
        return None
    return Google(
        account=Account.from_json(settings.google_account.read_bytes()),
        issuer=settings.google_issuer,
        url=settings.google_url,
        keys_url=settings.google_keys_url,
        save_url=settings.google_save_url,
        public_url=settings.public_url,
    )


def post_office(settings: Settings, here: World) -> Post | None:
    """The way out for e-mail, or None without a mail server. Raises ValueError for settings that cannot be right."""
    return Post(settings.smtp_url, settings.mail_from, here, trust=settings.trust) if settings.smtp_url else None

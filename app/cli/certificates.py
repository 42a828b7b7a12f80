"""``certs``: Apple's certificates."""

import argparse
from pathlib import Path

from app import certs, credentials, doctor, settings, world
from app.cli import asking, opening
from app.desk import found


def add(commands: asking.Commands) -> None:
    """``certs``."""
    cert = commands.add_parser(
        "certs", help="Apple certificates: request, import, check", description="Apple certificates: request, import, check"
    )
    certs_ = cert.add_subparsers(dest="certs", required=True, metavar="COMMAND")
    csr = asking.command(certs_, "csr", _csr, "make a key and the request that Apple's portal signs")
    csr.add_argument("--email", required=True, help="the e-mail address of the Apple developer account")
    csr.add_argument("--name", required=True, help="the company's or person's name")
    asking.may_name_a_certificate(csr, "for a business with a certificate of its own: the folder certs/apple-NAME")
    take = asking.command(certs_, "import", _import, "take in the certificate that Apple made, and check it")
    take.add_argument("file", type=Path, metavar="CERTIFICATE", help="the .cer from Apple's portal (or a .pem)")
    take.add_argument("--wwdr", type=Path, help="Apple's intermediate (WWDR G4), .cer or .pem, from apple.com/certificateauthority")
    take.add_argument("--key", type=Path, help="its key (.pem), if it is not that of `certs csr`")
    asking.may_name_a_certificate(take, "for a business with a certificate of its own: the folder certs/apple-NAME")
    use = asking.command(certs_, "use", _use, "let a business that no iPhone holds a card of sign with another certificate")
    use.add_argument("--business", help="the business's name or id, if there are several")
    asking.may_name_a_certificate(use, "that of the folder certs/apple-NAME (without it: the installation's, certs/apple)")
    asking.command(certs_, "check", _check, "check the installed certificates")


async def _csr(asked: argparse.Namespace, known: settings.Settings) -> int:
    path = certs.request(folder_of(known, asked.certificate), email=asked.email, name=asked.name)
    own = f" --certificate {asked.certificate}" if asked.certificate else ""
    print(f"upload {path} at developer.apple.com (Certificates, Pass Type IDs), then `counterpass certs import{own}`")
    return 0


async def _import(asked: argparse.Namespace, known: settings.Settings) -> int:
    folder = folder_of(known, asked.certificate)
    certs.take_in(folder, certificate=asked.file, wwdr=asked.wwdr, key=asked.key)
    print(f"the certificate is in {folder}; a service that runs must be restarted")
    return await _check(asked, known)


def folder_of(known: settings.Settings, name: str) -> Path:
    """Where the certificate of this name lies; without a name, the installation's."""
    return known.certs / (f"apple-{name}" if name else "apple")


async def _use(asked: argparse.Namespace, known: settings.Settings) -> int:
    async with opening.the_business(known, asked.business) as (store, _, business):
        wallet = credentials.apple_wallet(known)
        certificate = wallet.certificates.get(asked.certificate) if wallet is not None else None
        if certificate is None:
            raise ValueError(f"there is no certificate in {folder_of(known, asked.certificate)}: begin with `counterpass certs csr`")
        await found.sign_with(store, business, asked.certificate, pass_type=certificate.pass_type)
    print(f"{business.name} signs cards of {certificate.pass_type}")
    return 0


async def _check(_: argparse.Namespace, known: settings.Settings) -> int:
    folders = doctor.certificate_folders(known)
    if not folders:
        raise ValueError(f"there are no certificates in {known.certs}: begin with `counterpass certs csr`")
    findings = [finding for folder in folders for finding in certs.check(folder, now=world.now())]
    for finding in findings:
        asking.tell(finding)
    if not findings:
        print("the certificates are good")
    return 1 if any(finding.level == "error" for finding in findings) else 0

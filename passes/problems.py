"""Every refusal: a machine word, a sentence for staff, the words to say to the customer, and the facts behind them.

A refusal is an answer, not an accident. The statuses of HTTP are none of its business (app/problems.py maps them).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

from passes.words import N_, Text, Words

MOMENT: Final = "%Y-%m-%d %H:%M"


class Problem(Exception):
    """Something that was asked for and cannot be done, said so that the asker knows what to do next.

    ``word`` never changes once published; ``title`` is the same for every occurrence; ``sentence`` and ``say`` may use
    the facts in braces. Facts may be str, int, datetime (aware), Text, UUID, or tuples of these; those named in ``spoken``
    are sentences of the catalogue (always ``N_("…")``, never a person's words), and are said in the asker's language too.
    A fact may also be a Refused, or a tuple of these.
    """

    word: ClassVar[str]
    title: ClassVar[str]
    sentence: ClassVar[str]
    say: ClassVar[str] = ""
    spoken: ClassVar[tuple[str, ...]] = ()

    def __init__(self, **facts: object) -> None:
        self.facts = facts
        super().__init__(self.word)

    def detail(self, words: Words, language: str, moment: Callable[[datetime], str]) -> str:
        """The sentence for staff; ``moment`` writes a time in the business's zone."""
        return words.said(language, self.sentence, **self._said(words, language, moment))

    def words_for_the_customer(self, words: Words, language: str, moment: Callable[[datetime], str]) -> str:
        """What staff may read out to the customer, or an empty string."""
        return words.said(language, self.say, **self._said(words, language, moment)) if self.say else ""

    def _said(self, words: Words, language: str, moment: Callable[[datetime], str]) -> dict[str, object]:
        def one(fact: object) -> object:
            match fact:
                case datetime():
                    return moment(fact)
                case Text():
                    return fact.said(language)
                case Refused():
                    return f"{fact.code} ({words.said(language, fact.problem.title)})"
                case tuple() | list():
                    return ", ".join(str(one(part)) for part in fact)
                case _:
                    return fact

        said = {name: one(fact) for name, fact in self.facts.items()}
        return said | {name: words.said(language, str(said[name]), **said) for name in self.spoken}


@dataclass(frozen=True)
class Refused:
    """One of several codes that were presented together, and why it is refused."""

    code: str
    problem: Problem


# --- A presented code, in the order in which the rule asks (the first that applies is the answer) ---


class MistypedCode(Problem):
    """The check character is wrong. Known without a look-up."""

    word = "mistyped_code"
    title = N_("One character is wrong")
    sentence = N_("One character of this code is wrong. Compare it with the phone and type it again.")
    say = N_("I mistyped your code, one moment please.")


class UnknownCode(Problem):
    """No such code in this business; a code of another business looks exactly the same."""

    word = "unknown_code"
    title = N_("Unknown code")
    sentence = N_("This code is not one of ours. Check that the card is for this shop.")
    say = N_("I cannot find this code. Is it from our shop?")


class Voided(Problem):
    """The coupon was taken back by the business, whether or not it had been redeemed before. Facts: at."""

    word = "voided"
    title = N_("Voided")
    sentence = N_("This coupon was cancelled on {at}. Do not give the reward.")
    say = N_("This coupon has been cancelled. The manager can tell you more.")


class AlreadyRedeemed(Problem):
    """The coupon is used up. Facts: at, location, staff, redemption_id."""

    word = "already_redeemed"
    title = N_("Already used")
    sentence = N_("This coupon was already used on {at} at {location}, by {staff}.")
    say = N_("This reward was already used on {at} at {location}.")


class NotYetValid(Problem):
    """The coupon starts later. Facts: valid_from."""

    word = "not_yet_valid"
    title = N_("Not valid yet")
    sentence = N_("This coupon is valid from {valid_from}.")
    say = N_("Your reward can be used from {valid_from}.")


class Expired(Problem):
    """The coupon's time is over. Facts: expired_at, may_honour (whether this person may honour it now)."""

    word = "expired"
    title = N_("Expired")
    sentence = N_("This coupon expired on {expired_at}.")
    say = N_("I am sorry, this reward ended on {expired_at}.")


class WrongLocation(Problem):
    """The offer is for other locations. Facts: locations (their names)."""

    word = "wrong_location"
    title = N_("Not at this location")
    sentence = N_("This coupon is only for: {locations}.")
    say = N_("This reward can be used at: {locations}.")


class OutsideHours(Problem):
    """The offer has weekdays or hours, and it is not one of them now. Facts: hours (a Text)."""

    word = "outside_hours"
    title = N_("Not at this time")
    sentence = N_("This coupon can be used only: {hours}.")
    say = N_("This reward can be used: {hours}.")


class Reserved(Problem):
    """The coupon is held for a basket at a till. Facts: until (when it frees itself)."""

    word = "reserved"
    title = N_("Held for a basket")
    sentence = N_("This coupon is held for another basket until {until}. Finish or release that one, or wait.")
    say = N_("This reward is just being used at another till.")


class BasketRefused(Problem):
    """Of several codes some cannot be redeemed, so none was. Facts: refusals (each with its code, word, sentences and facts)."""

    word = "basket_refused"
    title = N_("Nothing was redeemed")
    sentence = N_("Not all codes of this basket can be redeemed, so none was: {refusals}.")


class ReservationRefused(Problem):
    """Of several codes some cannot be held, so none is. Facts: refusals (each with its code, word, sentences and facts)."""

    word = "reservation_refused"
    title = N_("Nothing is held")
    sentence = N_("Not all codes of this basket can be held, so none is: {refusals}.")


class HeldTooLong(Problem):
    """The coupon has been held for as long as one may be. It can be redeemed. Facts: again_at (when it may be held again)."""

    word = "held_too_long"
    title = N_("Held long enough")
    sentence = N_("This coupon was held for 15 of the last 30 minutes, and may be held again from {again_at}. It can be redeemed now.")
    say = N_("Let us use this reward now, or another time.")


class NotHeld(Problem):
    """The reservation has ended. Facts: state (redeemed, released, or ended by time), until (when), why (a sentence)."""

    word = "not_held"
    title = N_("Not held any more")
    sentence = N_("This reservation ended at {until}: {why}. Look the codes up again.")
    spoken = ("why",)


class AnotherTill(Problem):
    """The reservation was made by a key of another location, and this one may not `manage`. Facts: location."""

    word = "another_till"
    title = N_("Held by another till")
    sentence = N_("This was held at {location}: redeem or release it there, or with a key that may manage.")


class WrongCurrency(Problem):
    """The amount is in another currency than the business's. Facts: currency (the business's)."""

    word = "wrong_currency"
    title = N_("Another currency")
    sentence = N_("Amounts here are in {currency}.")


class NothingToReturn(Problem):
    """Nothing was earned with this receipt here, or all of it was taken back already. Facts: receipt."""

    word = "nothing_to_return"
    title = N_("Nothing to take back")
    sentence = N_("Nothing is left to take back of receipt {receipt}.")


class StaffNeeded(Problem):
    """The offer is given by staff, and the code was presented at a kiosk."""

    word = "staff_needed"
    title = N_("Given by our staff")
    sentence = N_("This reward is given by the staff at the counter, not at a kiosk.")
    say = N_("Please show this code at the counter: our staff give you this reward.")


class LimitReached(Problem):
    """A limit of the offer, the customer or the staff member is used up. Facts: of (offer, customer or staff), most."""

    word = "limit_reached"
    title = N_("Limit reached")
    sentence = N_("The limit of {most} is reached ({of}).")
    spoken = ("of",)
    say = N_("I am sorry, the limit for this reward is reached.")


# --- What else a person or a till may ask wrongly ---


class CardPresented(Problem):
    """A card's own number was presented where a redeem code is needed. Facts: card_id, ready (codes that are ready)."""

    word = "card_presented"
    title = N_("This is the card's number")
    sentence = N_("This is the number of a loyalty card, not the code of a reward.")


class NotExpired(Problem):
    """Honouring is only for an expired coupon; this one can simply be redeemed."""

    word = "not_expired"
    title = N_("Not expired")
    sentence = N_("This coupon is not expired. Redeem it as usual.")


class MayNotHonour(Problem):
    """The business does not let this person honour a coupon that expired so long ago. Facts: who, days, expired_at."""

    word = "may_not_honour"
    title = N_("May not be honoured")
    sentence = N_("This coupon expired on {expired_at} and cannot be honoured by you.")
    say = N_("I am sorry, this reward ended on {expired_at}.")


class ReasonNeeded(Problem):
    """Goodwill, and a reversal by a manager, need a reason that somebody will read later."""

    word = "reason_needed"
    title = N_("A reason is needed")
    sentence = N_("Say in a few words why; it is kept with the record.")


class NothingToReverse(Problem):
    """The redemption was already taken back, or something happened to the coupon since."""

    word = "nothing_to_reverse"
    title = N_("Nothing to take back")
    sentence = N_("This redemption was already taken back, or the coupon has changed since.")


class TooLateToReverse(Problem):
    """The person who redeemed may take it back for 15 minutes on the same counter; after that a manager may. Facts: until."""

    word = "too_late_to_reverse"
    title = N_("Too late to take back")
    sentence = N_("Only the person who redeemed it, on the same counter, could take it back until {until}. Ask a manager.")


class NotAllowed(Problem):
    """The caller is known but its role does not reach this far."""

    word = "not_allowed"
    title = N_("Not allowed")
    sentence = N_("Your role does not allow this. Ask a manager or the owner.")


class NotFound(Problem):
    """No such thing in this business; a thing of another business looks exactly the same. Facts: what."""

    word = "not_found"
    title = N_("Not found")
    sentence = N_("There is no such {what}.")
    spoken = ("what",)


class CannotEarn(Problem):
    """This much, or in this way, cannot be earned on this card. Facts: why (a sentence), most (by one action, where that is why)."""

    word = "cannot_earn"
    title = N_("Cannot be added")
    sentence = N_("This cannot be added to the card: {why}.")
    spoken = ("why",)


class WebhookRefused(Problem):
    """Nobody can be told at this address, or not at one more. Facts: why (a sentence)."""

    word = "webhook_refused"
    title = N_("Nothing can be sent there")
    sentence = N_("This address cannot be told what happens: {why}.")
    spoken = ("why",)


class UnreadablePhoto(Problem):
    """The bytes are not a picture that we read, are too large, or show no code. Facts: why."""

    word = "unreadable_photo"
    title = N_("No code in the picture")
    sentence = N_("No code could be read from this picture: {why}.")
    spoken = ("why",)
    say = N_("Could you make the screen brighter and hold it still?")


class UnusablePicture(Problem):
    """The bytes are not a picture that a card can show. Facts: why."""

    word = "unusable_picture"
    title = N_("This picture cannot be used")
    sentence = N_("This picture cannot be used: {why}. Take another one.")
    spoken = ("why",)


class BadDesign(Problem):
    """A file that is no design of a card, or a damaged one. Facts: why."""

    word = "bad_design"
    title = N_("No design in the file")
    sentence = N_("This file cannot be taken as a design: {why}.")
    spoken = ("why",)


class SeveralCodes(Problem):
    """A picture shows several different codes, and guessing would be wrong. Facts: count."""

    word = "several_codes"
    title = N_("Several codes in the picture")
    sentence = N_("The picture shows {count} different codes. Take it again with only one of them.")


class WalletNotConfigured(Problem):
    """This installation has no credentials for that wallet. Facts: wallet."""

    word = "wallet_not_configured"
    title = N_("Wallet not set up")
    sentence = N_("{wallet} is not set up here.")


class WalletUnavailable(Problem):
    """The wallet's own service does not answer now; nothing is lost. Facts: wallet, retry_after (seconds)."""

    word = "wallet_unavailable"
    title = N_("Wallet does not answer")
    sentence = N_("{wallet} does not answer at the moment. Try again in a minute.")


class ChangedMeanwhile(Problem):
    """Somebody else changed the same thing after it was read."""

    word = "changed_meanwhile"
    title = N_("Changed meanwhile")
    sentence = N_("Somebody else has changed this meanwhile. Nothing was saved: look at it again, and change what is still to change.")


class ContactTaken(Problem):
    """Another customer of the business is known by this e-mail address or phone number: perhaps they are one person."""

    word = "contact_taken"
    title = N_("Another customer has it")
    sentence = N_("Another customer has this address or number. Are they one person? Merge them.")


class StillReaching(Problem):
    """The goals of a program move again before all its cards have what the last move means for them."""

    word = "still_reaching"
    title = N_("The last change is still on its way")
    sentence = N_("The last change of these goals is still reaching the cards. Nothing was saved: change them again in a moment.")


class PoolEmpty(Problem):
    """No imported code of the offer is left. Facts: offer."""

    word = "pool_empty"
    title = N_("No code left")
    sentence = N_("All imported codes of {offer} have been given out. Import more codes, or let the offer mint its own.")
    say = N_("This reward has run out for now, I am sorry.")


class NotLater(Problem):
    """A coupon is extended to a day that is over, or not after its present end. Facts: until (its end now, or nothing)."""

    word = "not_later"
    title = N_("Not a later day")
    sentence = N_("The new last day must be after today and after the present one.")


class Paused(Problem):
    """The program or offer is paused or archived: nothing new is given. Facts: name."""

    word = "paused"
    title = N_("Paused")
    sentence = N_("{name} is paused: nothing new is given, and what was given stays good.")
    say = N_("This is paused at the moment.")


class Busy(Problem):
    """More work waits than can be done soon; nothing was recorded. Facts: retry_after (seconds)."""

    word = "busy"
    title = N_("Busy")
    sentence = N_("Too much is going on right now. Nothing was recorded; try again in a moment.")


# --- Who is there: signing in, links that work once, people ---


class WrongSignIn(Problem):
    """The e-mail address is nobody's, or the password is not theirs; which of the two is not said."""

    word = "wrong_sign_in"
    title = N_("Not signed in")
    sentence = N_("This e-mail address and this password do not belong together.")


class WrongPin(Problem):
    """Not this person's PIN."""

    word = "wrong_pin"
    title = N_("Wrong PIN")
    sentence = N_("This PIN is not right. Check that it is your name, and type it again.")


class PinLocked(Problem):
    """Too many wrong PINs in a row. Facts: staff."""

    word = "pin_locked"
    title = N_("PIN locked")
    sentence = N_("After too many wrong ones the PIN of {staff} is locked. A manager can unlock it.")


class TooManyGuesses(Problem):
    """Somebody guesses, or forgot. Facts: wait (a sentence), count (in it), retry_after (seconds)."""

    word = "too_many_guesses"
    title = N_("Please wait")
    sentence = N_("Too many wrong attempts. Try again in {wait}.")
    spoken = ("wait",)


class PasskeyRefused(Problem):
    """The passkey is not known here, was made for another site, or its answer does not fit what was asked."""

    word = "passkey_refused"
    title = N_("Passkey not accepted")
    sentence = N_("This passkey was not accepted. Try once more, or sign in with your password.")


class RefusedSecret(Problem):
    """A password or PIN that would be guessed too soon. Facts: field, why (a sentence), least (characters)."""

    word = "refused_secret"
    title = N_("Choose another one")
    sentence = N_("{why}.")
    spoken = ("why",)


class LinkSpent(Problem):
    """A link that works once: used, expired, replaced, or never made. Which of these is not said."""

    word = "link_spent"
    title = N_("This link no longer works")
    sentence = N_("It was used already, or it has expired. Ask for a new one.")


class EmailTaken(Problem):
    """A colleague in this business signs in with the same address."""

    word = "email_taken"
    title = N_("Address in use")
    sentence = N_("A colleague has this e-mail address already.")


class LastOwner(Problem):
    """Without an owner nobody could ever change anything again."""

    word = "last_owner"
    title = N_("The last owner")
    sentence = N_("A business needs an owner. Make somebody else an owner first.")

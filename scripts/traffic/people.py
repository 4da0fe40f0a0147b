"""The people of a simulated city: one member a household, in families of one or two.

Everything about a person is invented and belongs to nobody: emails end in example.com or
example.org, phone numbers are of the form NPA-555-01xx, which is kept for fiction (there are
only a hundred an area code, so beyond some 20,000 people other 555 numbers are used).
"""

from random import Random
from typing import Final

import msgspec

from scripts.traffic.baskets import Household
from scripts.traffic.chance import between, pick, token


def words(text: str) -> tuple[str, ...]:
    """The words of a text."""
    return tuple(text.split())


FIRST_NAMES: Final = words(
    """
    Ana Ben Carla Dev Elif Femi Grace Hiro Ines Jonas Keiko Liam Maya Noor Omar Priya Quinn Rosa
    Sam Tara Uma Victor Wen Ximena Yusuf Zoe
    """
)
LAST_NAMES: Final = words(
    """
    Adams Baker Costa Diaz Evans Fischer Garcia Hall Ito Jones Khan Lee Miller Nguyen Okafor
    Patel Quist Rossi Silva Tanaka Ueda Vance Walker Xu Young Zhang
    """
)
AREA_CODES: Final = words(
    """
    201 202 203 205 206 207 208 209 210 212 213 214 215 216 217 218 219 224 225 228 229 231 234
    239 240 248 251 252 253 254 256 260 262 267 269 270 276 281 301 302 303 304 305 307 308 309
    310 312 313 314 315 316 317 318 319 320 321 323 325 330 334 336 337 339 347 351 352 360 361
    386 401 402 404 405 406 407 408 409 410 412 413 414 415 417 419 423 424 425 430 432 434 435
    440 443 469 478 479 480 484 501 502 503 504 505 507 508 509 510 512 513 515 516 517 518 520
    530 540 541 551 559 561 562 563 567 570 571 573 574 580 585 586 601 602 603 605 606 607 608
    609 610 612 614 615 616 617 618 619 620 623 626 630 631 636 641 646 650 651 660 661 662 678
    682 701 702 703 704 706 707 708 712 713 714 715 716 717 718 719 720 724 727 731 732 734 740
    754 757 760 762 763 765 769 770 772 773 774 775 781 785 786 801 802 803 804 805 806 808 810
    812 813 814 815 816 817 818 828 830 831 832 843 845 847 848 850 856 857 858 859 860 862 863
    864 865 870 901 903 904 906 907 908 909 910 912 913 914 915 916 917 918 919 920 925 928 931
    936 937 940 941 947 949 951 952 954 956 970 971 972 973 978 979 980 985 989
    """
)
TIME_ZONES: Final = ("America/New_York",) * 17 + ("America/Chicago",) * 2 + ("America/Los_Angeles",)
FICTION: Final = 100
"""Numbers an area code that are kept for fiction: 555-0100 to 555-0199."""


class Device(msgspec.Struct, kw_only=True):
    """A browser or phone; `owners`: who of the family uses it, by place in it."""

    namespace: str
    value: str
    push_token: str | None = None
    owners: tuple[int, ...] = ()

    def handles(self) -> dict[str, str]:
        if self.push_token is None:
            return {self.namespace: self.value}
        return {self.namespace: self.value, "push_token": self.push_token}


class Person(msgspec.Struct, kw_only=True):
    """A member. `enrolled_at` is set when the enrolment is planned, `first_known_by` too."""

    member_id: str
    household: Household
    card: str
    email: str
    phone: str
    tokens: list[str]
    birthday: str
    time_zone: str
    locale: str
    preferred_channel: str
    other_accounts: list[str] = []
    """Member ids of accounts that are merged into this one later."""
    enrolled_at: int = 0
    first_known_by: str = ""
    """What receipts before a late enrolment carry: email or payment_token; "": enrolled first."""


class Family(msgspec.Struct, kw_only=True):
    """One person, or two who share a device and perhaps a means of payment."""

    number: int
    people: list[Person]
    devices: list[Device]
    shared_token: str | None = None


def make_family(
    rng: Random, number: int, households: list[Household], serials: list[int]
) -> Family:
    """A family of the given households; `serials` number the people of the city from 0."""
    people = [_person(rng, h, n) for h, n in zip(households, serials, strict=True)]
    devices: list[Device] = []
    for place in range(len(people)):
        if rng.random() < (0.55 if len(people) > 1 else 0.8):
            devices.append(Device(namespace="cookie", value=token(rng), owners=(place,)))
        if rng.random() < 0.5:
            devices.append(
                Device(
                    namespace="device_id",
                    value=token(rng),
                    push_token=f"push-{token(rng)}",
                    owners=(place,),
                )
            )
    if len(people) > 1:
        both = tuple(range(len(people)))
        if rng.random() < 0.75:
            devices.append(Device(namespace="cookie", value=token(rng), owners=both))
        if rng.random() < 0.25 or not any(d.owners == both for d in devices):
            devices.append(Device(namespace="device_id", value=token(rng), owners=both))
    shared = f"tok_{token(rng)}" if len(people) > 1 and rng.random() < 0.3 else None
    return Family(number=number, people=people, devices=devices, shared_token=shared)


def _person(rng: Random, household: Household, serial: int) -> Person:
    first, last = pick(rng, FIRST_NAMES), pick(rng, LAST_NAMES)
    domain = "example.com" if rng.random() < 0.7 else "example.org"
    return Person(
        member_id=f"m-{household.household_id}",
        household=household,
        card=f"4000{serial + 1:09d}",
        email=f"{first}.{last}{serial}@{domain}".lower(),
        phone=fictional_phone(serial),
        tokens=[f"tok_{token(rng)}" for _ in range(pick(rng, (1, 1, 2, 2, 3)))],
        birthday=f"{between(rng, 1, 13):02d}-{between(rng, 1, 29):02d}",
        time_zone=pick(rng, TIME_ZONES),
        locale="es-US" if rng.random() < 0.08 else "en-US",
        preferred_channel=pick(rng, ("email", "email", "push", "push", "sms", "app")),
    )


def fictional_phone(serial: int) -> str:
    """The E.164 number of person `serial`, each another one.

    >>> fictional_phone(0), fictional_phone(len(AREA_CODES))
    ('+12015550100', '+12015550101')
    """
    area, line = AREA_CODES[serial % len(AREA_CODES)], serial // len(AREA_CODES)
    number = 100 + line if line < FICTION else 1_000 + line - FICTION
    return f"+1{area}555{number:04d}"


def typed_email(rng: Random, email: str) -> str:
    """The same address as people type it."""
    style = rng.random()
    if style < 0.7:
        return email
    if style < 0.9:
        return email.title().replace("@Example", "@example")
    return f" {email.upper()} "


def typed_phone(rng: Random, phone: str) -> str:
    """The same number as people and tills write it."""
    style, area, line = rng.random(), phone[2:5], phone[8:]
    if style < 0.4:
        return phone
    if style < 0.7:
        return f"({area}) 555-{line}"
    return f"{area}-555-{line}"


def plain_phone(written: str) -> str:
    """E.164 again: what the truth compares.

    >>> plain_phone("(201) 555-0100") == plain_phone("+1 201 555 0100") == "+12015550100"
    True
    """
    digits = "".join(c for c in written if c.isdigit())
    return f"+{digits}" if len(digits) > 10 else f"+1{digits}"

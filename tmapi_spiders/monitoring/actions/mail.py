"""Sends messages by e-mail.

Spidermon's SMTP action is built on ``scrapy.mail``, which Scrapy 2.19 deprecates, and puts the
source text of a MIME message into the body. This one derives from spidermon's base class instead;
the settings are spidermon's.
"""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import TYPE_CHECKING, Any

import attrs
from spidermon.contrib.actions.email import SendEmail
from typing_extensions import override

from tmapi_spiders.monitoring.actions.base import JobMessageAction

if TYPE_CHECKING:
    from typing import Self

    from scrapy.crawler import Crawler
    from scrapy.settings import BaseSettings

__all__ = ["MailMessage", "Smtp"]

_SECONDS = 60


@attrs.frozen
class Smtp:
    """A mail server, and the account on it."""

    host: str
    port: int
    user: str
    password: str = attrs.field(repr=False)
    tls: bool
    """Whether STARTTLS is required; it is used whenever it is offered."""
    ssl: bool
    """Whether the connection uses TLS from the start."""

    @classmethod
    def from_settings(cls, settings: BaseSettings) -> Self:
        """Read ``SPIDERMON_SMTP_…``."""
        return cls(
            host=settings["SPIDERMON_SMTP_HOST"],
            port=settings.getint("SPIDERMON_SMTP_PORT"),  # 0: the default port
            user=settings.get("SPIDERMON_SMTP_USER") or "",
            password=settings.get("SPIDERMON_SMTP_PASSWORD") or "",
            tls=settings.getbool("SPIDERMON_SMTP_ENFORCE_TLS"),
            ssl=settings.getbool("SPIDERMON_SMTP_ENFORCE_SSL"),
        )

    def send(self, mail: EmailMessage) -> None:
        """Send a mail; the server's certificate is verified.

        :raises OSError: if it is not accepted (smtplib's errors included)
        """
        with self._connect() as server:
            server.ehlo()
            if not self.ssl and (self.tls or server.has_extn("starttls")):
                server.starttls(context=ssl.create_default_context())
                server.ehlo()
            if self.user:
                server.login(self.user, self.password)
            server.send_message(mail)

    def _connect(self) -> smtplib.SMTP:
        if self.ssl:
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(self.host, self.port, timeout=_SECONDS, context=context)
        return smtplib.SMTP(self.host, self.port, timeout=_SECONDS)


class MailMessage(JobMessageAction, SendEmail):
    """Sends the message by e-mail (``SPIDERMON_SMTP_…``, ``SPIDERMON_EMAIL_…``)."""

    channel = "e-mail"
    subject = "{{ message.splitlines()[0] }}"
    body_text_template = "tmapi/plain.jinja"
    body_html_template = None

    def __init__(self, smtp: Smtp, **options: Any) -> None:
        super().__init__(**options)
        self._smtp = smtp

    @classmethod
    @override
    def from_crawler_kwargs(cls, crawler: Crawler) -> dict[str, Any]:
        options: dict[str, Any] = super().from_crawler_kwargs(crawler)
        return options | {"smtp": Smtp.from_settings(crawler.settings)}

    @override
    def get_message(self) -> EmailMessage:
        mail = EmailMessage()
        mail["Subject"] = " ".join(self.get_subject().split())
        mail["From"] = self.sender
        for header, people in (("To", self.to), ("Cc", self.cc), ("Bcc", self.bcc)):
            if people:
                mail[header] = ", ".join(people)
        if self.reply_to:
            mail["Reply-To"] = self.reply_to
        mail["Date"], mail["Message-ID"] = formatdate(), make_msgid()
        mail.set_content(self.get_body_text())
        if html := self.get_body_html():
            mail.add_alternative(html, subtype="html")
        return mail

    @override
    def send_message(self, message: EmailMessage, **_: Any) -> None:
        self._smtp.send(message)

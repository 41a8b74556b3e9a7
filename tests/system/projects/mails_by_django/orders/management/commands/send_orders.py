from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.management.base import BaseCommand
from django.template import Context, Engine


class Command(BaseCommand):
    help = "Mail each supplier what was ordered"

    def handle(self, *args, **options):
        mails = []
        for name in ("ann", "bo", "cy"):
            text = Engine().from_string("Dear {{ name }}, 3 boxes.").render(Context({"name": name}))
            mail = EmailMultiAlternatives("Orders for " + name, text, to=[name + "@example.org"])
            mail.attach_alternative("<p>" + text + "</p>", "text/html")
            mails.append(mail)
        self.stdout.write("%d mails" % get_connection().send_messages(mails))

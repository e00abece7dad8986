"""The words around the texts: what accepting means, and what the buttons say. Pure.

The notice names the button by its label, and both come from here, so that they cannot differ. It
lets the subject speak in sentences of its own, one for each purpose.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from paykeel.terms.locales import choose
from paykeel.terms.model import Purpose

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

#: What is spoken where nothing else is.
DEFAULT_LOCALE = "en"


@dataclass(frozen=True, slots=True)
class Wording:
    """What is said beside the texts; the notice holds the button's label letter by letter."""

    #: The language that it is in, which may be another one than was asked for.
    locale: str
    notice: str
    button_label: str
    decline_label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PageWords:
    """What stands beside a text on its page."""

    version: str
    scope: str
    everybody: str
    language: str
    effective_from: str
    effective_to: str
    sha256: str
    other_locales: str
    save: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Language:
    agree: str
    acknowledge: str
    consent: str
    decline: str
    #: Names the button, and is followed by what the subject says.
    lead: str
    contract: str
    privacy: str
    refund_policy: str
    marketing: str
    page: PageWords


def wording(locale: str, purposes: Collection[Purpose]) -> Wording:
    """Return what to say to somebody who is shown texts of these purposes.

    A language that is not spoken here falls back as in :func:`paykeel.terms.locales.choose`, and
    to English in the end. Consent to marketing alone has a button of its own, and so has a notice
    that is only taken note of.

    Raises:
        ValueError: There is no purpose.

    >>> wording("en-GB", [Purpose.CONTRACT]).notice
    'By choosing “I agree” you declare: I accept the terms shown here.'
    """
    asked = frozenset(purposes)
    if not asked:
        raise ValueError("There is nothing to accept without a purpose.")
    spoken = choose([locale], _LANGUAGES, DEFAULT_LOCALE).locale
    words = _LANGUAGES[spoken]
    button = words.agree
    if asked == {Purpose.MARKETING}:
        button = words.consent
    elif asked == {Purpose.PRIVACY}:
        button = words.acknowledge
    sentences = {
        Purpose.CONTRACT: words.contract,
        Purpose.PRIVACY: words.privacy,
        Purpose.REFUND_POLICY: words.refund_policy,
        Purpose.MARKETING: words.marketing,
    }
    said = [sentences[purpose] for purpose in Purpose if purpose in asked]
    notice = " ".join((words.lead.replace("{button}", button), *said))
    return Wording(spoken, notice, button, words.decline)


def page_words(locale: str) -> tuple[str, PageWords]:
    """Return the words of a text's page with the language they are in; it falls back likewise.

    >>> page_words("de-AT")[0]
    'de'
    """
    spoken = choose([locale], _LANGUAGES, DEFAULT_LOCALE).locale
    return spoken, _LANGUAGES[spoken].page


_LANGUAGES: Mapping[str, _Language] = MappingProxyType(
    {
        "en": _Language(
            agree="I agree",
            acknowledge="I have read it",
            consent="I consent",
            decline="Decline",
            lead="By choosing “{button}” you declare:",
            contract="I accept the terms shown here.",
            privacy="I have read the privacy notice shown here.",
            refund_policy="I accept the refund policy shown here.",
            marketing="I consent to the use of my data for marketing as described here. This is"
            " voluntary, and I can withdraw it at any time.",
            page=PageWords(
                version="Version",
                scope="For",
                everybody="everybody",
                language="Language",
                effective_from="In force from",
                effective_to="In force until",
                sha256="SHA-256 of the text",
                other_locales="Other languages",
                save="Save this page",
            ),
        ),
        "de": _Language(
            agree="Ich stimme zu",
            acknowledge="Ich habe es gelesen",
            consent="Ich willige ein",
            decline="Ablehnen",
            lead="Mit „{button}“ erklären Sie:",
            contract="Ich nehme die hier gezeigten Vertragsbedingungen an.",
            privacy="Ich habe die hier gezeigten Datenschutzhinweise gelesen.",
            refund_policy="Ich nehme die hier gezeigten Erstattungsbedingungen an.",
            marketing="Ich willige in die hier beschriebene Nutzung meiner Daten für Werbung ein."
            " Das ist freiwillig, und ich kann es jederzeit widerrufen.",
            page=PageWords(
                version="Version",
                scope="Gilt für",
                everybody="alle",
                language="Sprache",
                effective_from="In Kraft ab",
                effective_to="In Kraft bis",
                sha256="SHA-256 des Textes",
                other_locales="Andere Sprachen",
                save="Diese Seite speichern",
            ),
        ),
        "fr": _Language(
            agree="J'accepte",
            acknowledge="J'en ai pris connaissance",
            consent="Je consens",
            decline="Refuser",
            lead="En choisissant « {button} », vous déclarez :",
            contract="J'accepte les conditions présentées ici.",
            privacy="J'ai lu l'information sur la protection des données présentée ici.",
            refund_policy="J'accepte les conditions de remboursement présentées ici.",
            marketing="Je consens à l'utilisation de mes données à des fins de prospection"
            " commerciale, telle qu'elle est décrite ici. C'est facultatif, et je peux retirer ce"
            " consentement à tout moment.",
            page=PageWords(
                version="Version",
                scope="Pour",
                everybody="tous",
                language="Langue",
                effective_from="En vigueur à partir du",
                effective_to="En vigueur jusqu'au",
                sha256="SHA-256 du texte",
                other_locales="Autres langues",
                save="Enregistrer cette page",
            ),
        ),
        "es": _Language(
            agree="Acepto",
            acknowledge="Lo he leído",
            consent="Doy mi consentimiento",
            decline="Rechazar",
            lead="Al elegir «{button}», usted declara:",
            contract="Acepto las condiciones que se muestran aquí.",
            privacy="He leído la información sobre protección de datos que se muestra aquí.",
            refund_policy="Acepto la política de reembolso que se muestra aquí.",
            marketing="Consiento el uso de mis datos con fines publicitarios tal como se describe"
            " aquí. Es voluntario, y puedo retirarlo en cualquier momento.",
            page=PageWords(
                version="Versión",
                scope="Para",
                everybody="todos",
                language="Idioma",
                effective_from="En vigor desde",
                effective_to="En vigor hasta",
                sha256="SHA-256 del texto",
                other_locales="Otros idiomas",
                save="Guardar esta página",
            ),
        ),
        "it": _Language(
            agree="Accetto",
            acknowledge="Ho preso visione",
            consent="Do il mio consenso",
            decline="Rifiuta",
            lead="Scegliendo «{button}» Lei dichiara:",
            contract="Accetto le condizioni qui riportate.",
            privacy="Ho letto l'informativa sulla privacy qui riportata.",
            refund_policy="Accetto le condizioni di rimborso qui riportate.",
            marketing="Acconsento all'uso dei miei dati per finalità di marketing come qui"
            " descritto. È facoltativo, e posso revocare il consenso in qualsiasi momento.",
            page=PageWords(
                version="Versione",
                scope="Per",
                everybody="tutti",
                language="Lingua",
                effective_from="In vigore dal",
                effective_to="In vigore fino al",
                sha256="SHA-256 del testo",
                other_locales="Altre lingue",
                save="Salva questa pagina",
            ),
        ),
        "nl": _Language(
            agree="Ik ga akkoord",
            acknowledge="Ik heb het gelezen",
            consent="Ik geef toestemming",
            decline="Weigeren",
            lead="Door “{button}” te kiezen, verklaart u:",
            contract="Ik ga akkoord met de hier getoonde voorwaarden.",
            privacy="Ik heb de hier getoonde privacyverklaring gelezen.",
            refund_policy="Ik ga akkoord met de hier getoonde terugbetalingsvoorwaarden.",
            marketing="Ik geef toestemming om mijn gegevens voor marketing te gebruiken zoals hier"
            " beschreven. Dit is vrijwillig, en ik kan het op elk moment intrekken.",
            page=PageWords(
                version="Versie",
                scope="Voor",
                everybody="iedereen",
                language="Taal",
                effective_from="Van kracht vanaf",
                effective_to="Van kracht tot",
                sha256="SHA-256 van de tekst",
                other_locales="Andere talen",
                save="Deze pagina opslaan",
            ),
        ),
        "pl": _Language(
            agree="Akceptuję",
            acknowledge="Potwierdzam zapoznanie się",
            consent="Wyrażam zgodę",
            decline="Odrzucam",
            lead="Wybór „{button}” oznacza oświadczenie:",
            contract="Akceptuję przedstawione tutaj warunki umowy.",
            privacy="Potwierdzam zapoznanie się z przedstawioną tutaj informacją o ochronie"
            " danych.",
            refund_policy="Akceptuję przedstawione tutaj zasady zwrotu środków.",
            marketing="Wyrażam zgodę na wykorzystanie moich danych w celach marketingowych w"
            " opisany tutaj sposób. Zgoda jest dobrowolna i mogę ją wycofać w każdej chwili.",
            page=PageWords(
                version="Wersja",
                scope="Dla",
                everybody="wszystkich",
                language="Język",
                effective_from="Obowiązuje od",
                effective_to="Obowiązuje do",
                sha256="SHA-256 tekstu",
                other_locales="Inne języki",
                save="Zapisz tę stronę",
            ),
        ),
        "pt": _Language(
            agree="Aceito",
            acknowledge="Tomei conhecimento",
            consent="Dou o meu consentimento",
            decline="Recusar",
            lead="Ao escolher «{button}», declara:",
            contract="Aceito as condições aqui apresentadas.",
            privacy="Li a informação sobre privacidade aqui apresentada.",
            refund_policy="Aceito a política de reembolso aqui apresentada.",
            marketing="Consinto na utilização dos meus dados para fins de marketing conforme aqui"
            " descrito. É voluntário, e posso retirar o consentimento a qualquer momento.",
            page=PageWords(
                version="Versão",
                scope="Para",
                everybody="todos",
                language="Idioma",
                effective_from="Em vigor desde",
                effective_to="Em vigor até",
                sha256="SHA-256 do texto",
                other_locales="Outros idiomas",
                save="Guardar esta página",
            ),
        ),
    }
)

#: The languages that are spoken here.
LOCALES: tuple[str, ...] = tuple(_LANGUAGES)

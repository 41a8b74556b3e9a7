"""What the overview says, in English and French."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_daybreak.overview.standing import Standing

LANGUAGES = ("en", "fr")

STATES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "failed": "Failed",
        "in_doubt": "In doubt",
        "missing": "Missing",
        "refused": "Refused",
        "late": "Late",
        "held": "Held",
        "running": "Under way",
        "archived": "Archived only",
        "delivered": "Delivered",
        "not_due": "Not due",
    },
    "fr": {
        "failed": "En échec",
        "in_doubt": "Incertain",
        "missing": "Manquant",
        "refused": "Refusé",
        "late": "En retard",
        "held": "Retenu",
        "running": "En cours",
        "archived": "Archivé seulement",
        "delivered": "Remis",
        "not_due": "Non attendu",
    },
}
"""By language and state, what it is called."""

_REASONS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "late_running": "Its run is still at work. Look at its log.",
        "late_no_run": "No run has begun. See whether the scheduler and the Dag's slots are free, or fill it.",
        "running": "Its run is at work.",
        "queued": "Its run waits for a free slot.",
        "not_begun": "It is due, and its run begins soon.",
        "checks_failed": "Its checks failed; draft {revision} is kept. Look at the checks, then clear the task.",
        "task_failed": "The task {task} failed. Look at its log, mend what it says, then run it again.",
        "run_failed": "Its run failed. Look at the run, mend what it says, then run it again.",
        "no_report": "The run ended well and made no report.",
        "not_expected": "Nobody waits for it: the Dag is paused, or was not there yet.",
        "no_run": "No run was made for that day. Fill it.",
        "damaged": "Its manifest can't be read. Restore it from a backup, or clear the run. ({said})",
        "in_doubt": "{who} may have got it. Ask, then resend it or leave it.",
        "refused": "The server refused {who}. Correct the address, then resend. ({said})",
        "waiting": "An approval is waited for, for {who}. Approve or reject it on its day's page, or under Required actions.",
        "mailing": "It is being mailed to {who}.",
        "not_mailed": "Not mailed to {who}. Retry the mail. ({said})",
        "kept": "Kept from {who}: {said}",
        "not_asked": "It was archived, and nothing was mailed.",
    },
    "fr": {
        "late_running": "Son exécution n'est pas terminée. Consultez son journal.",
        "late_no_run": "Aucune exécution n'a commencé. Vérifiez le planificateur et les emplacements du Dag, ou comblez-le.",
        "running": "Son exécution est en cours.",
        "queued": "Son exécution attend un emplacement libre.",
        "not_begun": "Il est dû, et son exécution commence bientôt.",
        "checks_failed": "Ses contrôles ont échoué ; le brouillon {revision} est gardé. Voyez les contrôles, puis relancez la tâche.",
        "task_failed": "La tâche {task} a échoué. Consultez son journal, corrigez ce qu'il dit, puis relancez-la.",
        "run_failed": "Son exécution a échoué. Consultez-la, corrigez ce qu'elle dit, puis relancez-la.",
        "no_report": "L'exécution s'est bien terminée sans produire de rapport.",
        "not_expected": "Personne ne l'attend : le Dag est en pause, ou n'existait pas encore.",
        "no_run": "Aucune exécution pour ce jour. Comblez-le.",
        "damaged": "Son manifeste est illisible. Restaurez-le d'une sauvegarde, ou relancez l'exécution. ({said})",
        "in_doubt": "Peut-être reçu par {who}. Demandez, puis renvoyez-le ou laissez-le.",
        "refused": "Le serveur a refusé {who}. Corrigez l'adresse, puis renvoyez. ({said})",
        "waiting": "Une approbation est attendue, pour {who}. Approuvez-le ou rejetez-le sur la page de son jour, ou sous « Actions requises ».",
        "mailing": "L'envoi à {who} est en cours.",
        "not_mailed": "Non envoyé à {who}. Relancez l'envoi. ({said})",
        "kept": "Retenu pour {who} : {said}",
        "not_asked": "Il a été archivé, et rien n'a été envoyé.",
    },
}

_AND = {"en": "and", "fr": "et"}
_OTHERS = {"en": ("other", "others"), "fr": ("autre", "autres")}


def sentence(standing: Standing, language: str = "en") -> str:
    """Return why a report stands as it does and what to do, in one sentence or two, or nothing."""
    if not standing.reason:
        return ""
    values = {**standing.values, "who": _who(standing, language)}
    return _REASONS[language][standing.reason].format(**values).replace(" ()", "")


def _who(standing: Standing, language: str) -> str:
    """Return whom a standing is about: one recipient by name, and how many others."""
    others = standing.values.get("count", 1) - 1
    said = str(standing.values.get("recipient", ""))
    if others < 1:
        return said
    return f"{said} {_AND[language]} {others} {_OTHERS[language][others > 1]}"

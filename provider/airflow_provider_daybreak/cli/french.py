"""What ``--help`` says in French: by the English text, which stands beside each command and is said where there is no other."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from airflow.cli.cli_config import Arg, GroupCommand

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.cli.cli_config import CLICommand

_VARIABLES = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
"""Where a user's language stands, as gettext asks for it: the first that says anything counts."""

HELP: Mapping[str, str] = {
    "Deployed scripts, reports and their delivery": "Scripts déployés, rapports et leur livraison",
    "Say what is configured, what is missing, and what answers; or, with --dags, what is wrong in a folder of Dags": (
        "Dire ce qui est réglé, ce qui manque et ce qui répond ; ou, avec --dags, ce qui ne va pas dans un dossier de Dags"
    ),
    "Without --dags: look at settings, mail server, archive and engine. With --dags: parse the Dags of a folder, apart and "
    "without a database, and look for what would fail or do harm once it runs. Ends with 0 where nothing is wrong, with 1 "
    "where something is, and with 2 where it could not look.": (
        "Sans --dags : regarder les réglages, le serveur de courrier, les archives et le moteur. Avec --dags : lire les Dags d'un "
        "dossier, à part et sans base de données, et chercher ce qui échouerait ou ferait du mal à l'exécution. Se termine par 0 "
        "si tout va bien, par 1 si quelque chose ne va pas, et par 2 s'il n'a pas été possible de regarder."
    ),
    "Look at these Dags instead: a folder of them, or one Dag file": (
        "Regarder plutôt ces Dags : un dossier, ou un seul fichier de Dag"
    ),
    "table, json, yaml or plain; with --dags text (the default), json, github, gitlab or junit": (
        "table, json, yaml ou plain ; avec --dags text (par défaut), json, github, gitlab ou junit"
    ),
    "With --dags: write that format into a file, and text to the terminal": (
        "Avec --dags : écrire ce format dans un fichier, et du texte dans le terminal"
    ),
    "With --dags: end with 1 for warnings too": "Avec --dags : se terminer par 1 pour des avertissements aussi",
    "With --dags: how long one Dag file may take to be loaded (default: 30)": (
        "Avec --dags : combien de temps le chargement d'un fichier de Dag peut durer (par défaut : 30)"
    ),
    "With --dags: how much memory, as address space, one Dag file may take (default: 4096)": (
        "Avec --dags : combien de mémoire, en espace d'adressage, un fichier de Dag peut prendre (par défaut : 4096)"
    ),
    "Scripts deployed on this machine": "Scripts déployés sur cette machine",
    "Show the releases, the newest first": "Montrer les versions, la plus récente d'abord",
    "Name it is deployed under; all of them by default": "Nom sous lequel il est déployé ; tous par défaut",
    "Show what a release is made of": "Montrer de quoi une version est faite",
    "Name it is deployed under": "Nom sous lequel il est déployé",
    "Id of the release; the current one by default": "Identifiant de la version ; la courante par défaut",
    "Make an earlier release current": "Rendre courante une version antérieure",
    "Id of the release to return to; the one before the current by default": (
        "Identifiant de la version où revenir ; celle d'avant la courante par défaut"
    ),
    "Compare a release with what it was when it was made": "Comparer une version avec ce qu'elle était quand elle a été faite",
    "Make the environment of a release anew, of the same packages": (
        "Refaire l'environnement d'une version, avec les mêmes paquets"
    ),
    "Remove all but the newest releases": "Supprimer toutes les versions sauf les plus récentes",
    "How many releases stay (default: 5)": "Combien de versions restent (par défaut : 5)",
    "Keep a release, however old it gets": "Garder une version, aussi vieille qu'elle devienne",
    "Its id": "Son identifiant",
    "Keep it no longer": "Ne plus la garder",
    "Write out the frozen lock of a release": "Écrire le verrou figé d'une version",
    "Archived reports": "Rapports archivés",
    "List revisions by report and date": "Énumérer les révisions par rapport et par date",
    "The report's name; every report when left out": "Nom du rapport ; tous les rapports s'il est omis",
    "First report date, such as 2026-03-29": "Première date de rapport, telle que 2026-03-29",
    "Last report date, included": "Dernière date de rapport, comprise",
    "Show what a revision is made of": "Montrer de quoi une révision est faite",
    "The report's name": "Nom du rapport",
    "The date on it, such as 2026-03-29": "La date qu'il porte, telle que 2026-03-29",
    "Its number; the newest by default": "Son numéro ; la plus récente par défaut",
    "Compare every file with its manifest; exits with 1 when one differs": (
        "Comparer chaque fichier avec son manifeste ; se termine par 1 si l'un diffère"
    ),
    "Remove revisions older than some days, and files that nothing refers to any more": (
        "Supprimer les révisions plus vieilles que tant de jours, et les fichiers auxquels plus rien ne renvoie"
    ),
    "Remove revisions whose date and whose making lie further back, and artifacts that no kept report was mailed with. "
    "What was mailed to whom is kept for ever.": (
        "Supprimer les révisions dont la date et la confection sont plus anciennes, et les fichiers avec lesquels aucun rapport "
        "gardé n'a été envoyé. Ce qui a été envoyé à qui est gardé pour toujours."
    ),
    "Days to keep, 1 or more": "Jours à garder, 1 ou plus",
    "Remove nothing; list what would go": "Ne rien supprimer ; énumérer ce qui partirait",
    "Render a report task's report into a folder, in all formats and as a mail; nothing is sent": (
        "Écrire le rapport d'une tâche dans un dossier, dans tous les formats et comme courriel ; rien n'est envoyé"
    ),
    "Render the report of a ReportOperator into a folder: page, html, text, csv, xlsx, pdf and the mail. Tasks that it gets data "
    "from run here, with releases of their own. No scheduler, no database, no mail.": (
        "Écrire le rapport d'un ReportOperator dans un dossier : page, html, text, csv, xlsx, pdf et le courriel. Les tâches dont il "
        "tire ses données s'exécutent ici, avec leurs propres versions. Ni planificateur, ni base de données, ni courrier."
    ),
    "Path of the Dag file": "Chemin du fichier de Dag",
    "The report's task": "La tâche du rapport",
    "Which Dag, where several of the file have such a task": "Quel Dag, si plusieurs du fichier ont une telle tâche",
    "The report date, such as 2026-03-29": "La date du rapport, telle que 2026-03-29",
    "Where to write; preview/<dag>/<task> by default": "Où écrire ; preview/<dag>/<task> par défaut",
    "Data by name, as a JSON object or a file of one, instead of what the Dag's tasks give": (
        "Données par nom, comme objet JSON ou fichier qui en contient un, à la place de ce que donnent les tâches du Dag"
    ),
    "Params of the run, as a JSON object or a file of one": (
        "Paramètres de l'exécution, comme objet JSON ou fichier qui en contient un"
    ),
    "Render again whenever a file is saved": "Tout refaire chaque fois qu'un fichier est enregistré",
    "Write a task's script as files that run it without Airflow: Compose, a cluster's job, cron or systemd": (
        "Écrire le script d'une tâche en fichiers qui l'exécutent sans Airflow : Compose, un travail de grappe, cron ou systemd"
    ),
    "Write a folder that runs the script of a VenvRunOperator or ScriptDockerOperator without Airflow: the same files, the same "
    "lock, variables, zone and limits. Secrets are named in it, and never written.": (
        "Écrire un dossier qui exécute sans Airflow le script d'un VenvRunOperator ou d'un ScriptDockerOperator : les mêmes "
        "fichiers, le même verrou, les mêmes variables, fuseau et limites. Les secrets y sont nommés, et jamais écrits."
    ),
    "The task that runs the script": "La tâche qui exécute le script",
    "compose: Docker Compose. cronjob, job: of Kubernetes. crontab, systemd: this machine": (
        "compose : Docker Compose. cronjob, job : de Kubernetes. crontab, systemd : cette machine"
    ),
    "Where to write; export/<dag>/<task> by default": "Où écrire ; export/<dag>/<task> par défaut",
    "What the script's image is called; its name by default": "Comment s'appelle l'image du script ; son nom par défaut",
    "Begin a Dag of your own from an example, with a name of its own for all that it makes": (
        "Commencer un Dag à vous à partir d'un exemple, avec son propre nom pour tout ce qu'il fait"
    ),
    "Write NAME.py and the folder NAME/ into the folder of Dags: a copy of an example whose Dag, release and report are called "
    "NAME. Nothing that is there is touched.": (
        "Écrire NAME.py et le dossier NAME/ dans le dossier des Dags : la copie d'un exemple dont le Dag, la version et le rapport "
        "s'appellent NAME. Rien de ce qui est là n'est touché."
    ),
    "Name of the Dag, its release and its report, such as sales": "Nom du Dag, de sa version et de son rapport, tel que sales",
    "daily_report: a script, a template and a PDF. sql: queries. script: one that mails by itself. container: one with a "
    "Dockerfile. (default: daily_report)": (
        "daily_report : un script, un modèle et un PDF. sql : des requêtes. script : un script qui envoie lui-même. container : un "
        "script avec un Dockerfile. (par défaut : daily_report)"
    ),
    "Folder of Dags; that of Airflow's settings by default": "Dossier des Dags ; celui des réglages d'Airflow par défaut",
    "Make Dags of another scheduler's jobs, and say of each line what was kept, adapted or refused": (
        "Faire des Dags des travaux d'un autre planificateur, et dire de chaque ligne ce qui est gardé, adapté ou refusé"
    ),
    "Read crontabs, timers, CronJobs, pipelines, cloud schedules and tasks of Windows, and write for each job NAME.py, the folder "
    "NAME/ and a line in IMPORT.md. Nothing of them is executed. The Dags are paused. Ends with 0 where all was imported, and with "
    "1 where a line was refused or a file that somebody changed was left alone.": (
        "Lire crontabs, timers, CronJobs, pipelines, planifications de nuages et tâches de Windows, et écrire pour chaque travail "
        "NAME.py, le dossier NAME/ et une ligne dans IMPORT.md. Rien n'en est exécuté. Les Dags sont en pause. Se termine par 0 si "
        "tout a été importé, et par 1 si une ligne a été refusée ou si un fichier modifié par quelqu'un a été laissé tel quel."
    ),
    "Files of another scheduler, such as what crontab -l prints": (
        "Fichiers d'un autre planificateur, tels que ce qu'affiche crontab -l"
    ),
    "Folder that the Dags go into (default: dags)": "Dossier où vont les Dags (par défaut : dags)",
    "Zone of times that name none, such as Europe/Paris; this machine's by default": (
        "Fuseau des heures qui n'en nomment aucun, tel que Europe/Paris ; celui de cette machine par défaut"
    ),
    "Each line of a crontab names its user, as in /etc/crontab": (
        "Chaque ligne d'une crontab nomme son utilisateur, comme dans /etc/crontab"
    ),
    "Say what would be written, and write nothing": "Dire ce qui serait écrit, et ne rien écrire",
    "Say which of the files that were imported has changed since": "Dire lequel des fichiers importés a changé depuis",
    "text (the default), md or json": "text (par défaut), md ou json",
    "Show who got which report, when, and what the server said": (
        "Montrer qui a reçu quel rapport, quand, et ce que le serveur a répondu"
    ),
    "Report date, such as 2026-03-29": "Date de rapport, telle que 2026-03-29",
    "Send a report's archived original again, for a reason, once for each id": (
        "Renvoyer l'original archivé d'un rapport, pour une raison, une fois par identifiant"
    ),
    "Report date, such as 2026-03-29; or a range, by the next two": (
        "Date de rapport, telle que 2026-03-29 ; ou un intervalle, par les deux suivants"
    ),
    "Address to send to, given again for each; by default all who did not get it": (
        "Adresse à qui envoyer, répétée pour chacune ; par défaut tous ceux qui ne l'ont pas reçu"
    ),
    "Why, for the ledger": "Pourquoi, pour le registre",
    "Id of this resending; by default it is made of the reason": (
        "Identifiant de ce renvoi ; par défaut il est tiré de la raison"
    ),
    "The smtp connection": "La connexion smtp",
    "Send nothing; list who would get it": "Ne rien envoyer ; énumérer qui le recevrait",
    "Show how each report stands that was due, the worst first": (
        "Montrer où en est chaque rapport qui était dû, le pire d'abord"
    ),
    "Show which report dates are missing, late or not delivered; exits with 1 when there are any": (
        "Montrer quelles dates de rapport manquent, sont en retard ou n'ont pas été livrées ; se termine par 1 s'il y en a"
    ),
    "Show those that are as they should be, too": "Montrer aussi celles qui sont comme il faut",
    "Have Airflow make up for the report dates of a range that lack a report": (
        "Faire rattraper par Airflow les dates d'un intervalle qui n'ont pas de rapport"
    ),
    "Start Airflow's own backfill of the dates that have neither report nor run, or whose run failed; both ends are included, in "
    "the zone of the Dag's schedule. Dates that are there stay as they are, and nobody is mailed twice.": (
        "Lancer le rattrapage d'Airflow pour les dates qui n'ont ni rapport ni exécution, ou dont l'exécution a échoué ; les deux "
        "bouts sont compris, dans le fuseau de la planification du Dag. Les dates qui sont là restent comme elles sont, et personne "
        "ne reçoit deux courriels."
    ),
    "Make no run; say how many there would be, and mails": (
        "Ne faire aucune exécution ; dire combien il y en aurait, et de courriels"
    ),
    "A Dag beside the job that it is to replace, whose mail is kept and compared, and not sent": (
        "Un Dag à côté du travail qu'il doit remplacer, dont le courrier est gardé et comparé, et n'est pas envoyé"
    ),
    "Run a Dag beside the old job: on its schedule, with its mail archived and not sent": (
        "Exécuter un Dag à côté de l'ancien travail : à ses heures, avec son courrier archivé et non envoyé"
    ),
    "Id of the Dag": "Identifiant du Dag",
    "Show which Dags are in shadow, and what they have captured": (
        "Montrer quels Dags sont dans l'ombre, et ce qu'ils ont gardé"
    ),
    "Id of the Dag; all of them when left out": "Identifiant du Dag ; tous s'il est omis",
    "Pause a Dag that is in shadow. What it has captured stays, and is not sent": (
        "Mettre en pause un Dag qui est dans l'ombre. Ce qu'il a gardé reste, et n'est pas envoyé"
    ),
    "Switch from an old job to its Dag: from then on the Dag mails": (
        "Passer de l'ancien travail à son Dag : c'est désormais le Dag qui envoie"
    ),
    "The crontab that cron itself reads: its lines are commented out in one step, beside a copy": (
        "La crontab que cron lit lui-même : ses lignes sont mises en commentaire en une étape, à côté d'une copie"
    ),
    "The old place no longer runs it": "L'ancien endroit ne l'exécute plus",
    "Show the lines of the old place that a Dag stands for. With --crontab comment them out there, let the Dag mail from its next "
    "time on, and switch it on; with --old-is-off do so once somebody has taken them out. Called again after it was interrupted it "
    "goes on. No day is mailed by both.": (
        "Montrer les lignes de l'ancien endroit que remplace un Dag. Avec --crontab, les y mettre en commentaire, faire envoyer le Dag "
        "dès sa prochaine heure, et le mettre en marche ; avec --old-is-off, faire de même une fois que quelqu'un les a ôtées. Rappelée "
        "après une interruption, la commande continue. Aucun jour n'est envoyé par les deux."
    ),
    "Set what a Dag in shadow captured beside what the old job sent or logged; exits with 1 where they differ": (
        "Mettre ce qu'un Dag dans l'ombre a gardé à côté de ce que l'ancien travail a envoyé ou journalisé ; se termine par 1 s'ils "
        "diffèrent"
    ),
    "Compare each mail that the Dag would have sent with the one that the old job sent for the same date, or what its scripts "
    "printed with the old job's log. Ends with 0 where all are the same, or close: the same but for dates and numbers within what "
    "--minutes and --numbers allow. Ends with 1 where one differs, or is missing on either side.": (
        "Comparer chaque courriel que le Dag aurait envoyé avec celui que l'ancien travail a envoyé pour la même date, ou ce que ses "
        "scripts ont affiché avec le journal de l'ancien travail. Se termine par 0 si tous sont les mêmes, ou proches : les mêmes aux "
        "dates et aux nombres près que permettent --minutes et --numbers. Se termine par 1 si l'un diffère, ou manque d'un côté."
    ),
    "End with 1 for what is only close, too": "Se terminer par 1 aussi pour ce qui n'est que proche",
    "First report date; that of the shadow's start by default": (
        "Première date de rapport ; par défaut celle du début dans l'ombre"
    ),
    "Last report date, included; today by default": "Dernière date de rapport, comprise ; aujourd'hui par défaut",
    "How far dates and times may be apart (default: 60)": (
        "De combien dates et heures peuvent s'écarter (par défaut : 60)"
    ),
    "How far numbers may be apart: a share such as 1%%, or an amount such as 0.5 (default: 0)": (
        "De combien des nombres peuvent s'écarter : une part telle que 1%%, ou un montant tel que 0.5 (par défaut : 0)"
    ),
    "What the old job did: a folder of .eml files, a Maildir, an mbox, imaps://USER@HOST/FOLDER, or its log": (
        "Ce que l'ancien travail a fait : un dossier de fichiers .eml, un Maildir, un mbox, imaps://USER@HOST/FOLDER, ou son journal"
    ),
    "Connection that has the password for imaps://; without it the password is asked for": (
        "Connexion qui a le mot de passe pour imaps:// ; sans elle, le mot de passe est demandé"
    ),
    "Which mails are the old job's; by default those whose subjects have the words of one that was captured": (
        "Quels courriels sont de l'ancien travail ; par défaut ceux dont l'objet a les mots d'un courriel gardé"
    ),
    "Write the comparison as an HTML page too": "Écrire aussi la comparaison comme page HTML",
    "How the mail stands:": "Où en est le courriel :",
    "What the files are, where that can't be told:": "Ce que sont les fichiers, si cela ne se voit pas :",
    "Go back: the Dag is in shadow again, and with --crontab the lines are as they were": (
        "Revenir : le Dag est de nouveau dans l'ombre, et avec --crontab les lignes sont comme elles étaient"
    ),
}


def is_french() -> bool:
    """Return whether French is the language of who calls."""
    said = next((value for name in _VARIABLES if (value := os.environ.get(name))), "")
    return said.split(":")[0].lower().startswith("fr")


def in_french(command: CLICommand) -> CLICommand:
    """Return a command, and all below it, whose help is French where it is known."""
    told: dict[str, Any] = {"help": translated(command.help)}
    if description := getattr(command, "description", None):
        told["description"] = translated(description)
    if isinstance(command, GroupCommand):
        return command._replace(**told, subcommands=tuple(in_french(each) for each in command.subcommands))
    return command._replace(**told, args=tuple(map(_argument, command.args)))


def translated(text: str) -> str:
    """Return a text in French, or as it is where it isn't known; after a colon may stand values, which are no language's."""
    head, colon, values = text.partition(": ")
    known = HELP.get(f"{head}:") if colon else None
    return f"{known} {values}" if known else HELP.get(text, text)


def _argument(argument: Arg) -> Arg:
    text = argument.kwargs.get("help")
    return Arg(argument.flags, **{**argument.kwargs, "help": translated(text)}) if text else argument

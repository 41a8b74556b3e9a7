"""
What to do after an error, in French, for who reads French: the command line and the pages say it below the error's own sentence.

That sentence stays as it is in every language, since it is what logs, documents and searches have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_daybreak.exceptions.base import DaybreakError

NEXT_STEPS: Mapping[str, str] = {
    # of no one part
    "MissingExtraError": "Installez ce qui manque : pip install 'airflow-provider-daybreak[{extra}]'",
    "MissingLibraryError": "Sous Debian ou Ubuntu : apt install {packages}",
    "MissingConnectionError": "Ajoutez la connexion {conn_id} dans Airflow, ou corrigez le nom que donne la tâche.",
    "AirflowDatabaseError": "Voyez si la base de données d'Airflow répond et si son adresse est juste, puis recommencez.",
    "InvalidValueError": "Corrigez {name} : la phrase ci-dessus dit la valeur trouvée et celle qui est attendue.",
    "FileFailedError": "Faites de la place, ou rendez le fichier accessible ; le prochain essai reprend où celui-ci s'est arrêté.",
    "NameTakenError": "Choisissez un autre nom. Rien n'a été écrit.",
    "OwnedByAnotherDagError": "Donnez à {name} un nom à lui. Si le Dag a été renommé, dites take_over={owner!r} dans la tâche.",
    "DagInTwoFilesError": "Donnez au Dag de {file} un nom à lui (NAME, ou dag_id), ou supprimez l'un des deux fichiers.",
    # archive
    "StorageUnsupportedError": (
        "Donnez à [daybreak] archive un dossier local (file:///…) ou un stockage qui parle S3 (s3://connection@bucket/prefix)."
    ),
    "StorageNotAtomicError": "Prenez un stockage qui connaît les écritures conditionnelles, ou un dossier local.",
    "RevisionNotFoundError": (
        "Voyez celles qui existent avec : airflow daybreak reports list. Exécutez de nouveau la tâche du rapport pour la refaire."
    ),
    "ReportNotFoundError": "Voyez les rapports qui existent avec : airflow daybreak reports list",
    "OutsideArchiveError": "Donnez à [daybreak] archive la même valeur sur chaque machine.",
    "ManifestUnreadableError": "Restaurez-le depuis une sauvegarde, ou exécutez de nouveau la tâche du rapport.",
    "ArchivedFileNotFoundError": "Prenez l'un des fichiers que nomme la phrase ci-dessus.",
    "ArchivedFileChangedError": (
        "Restaurez le fichier depuis une sauvegarde, ou exécutez de nouveau la tâche du rapport pour une nouvelle révision."
    ),
    # containers
    "EngineUnavailableError": "Démarrez le moteur de conteneurs, puis voyez ce qui répond avec : airflow daybreak check",
    "EngineError": "Corrigez ce que dit le moteur, ou voyez son propre journal.",
    "ClusterUnavailableError": (
        "Voyez la connexion de type kubernetes que nomme kubernetes_conn_id ; sans elle, le compte de service du worker ou son "
        "fichier kube config."
    ),
    "ClusterError": "Corrigez ce que dit Kubernetes, ou demandez à qui gère la grappe.",
    "PodStartError": "Corrigez ce que dit Kubernetes : l'image, les ressources demandées, ou les droits du compte de service.",
    "PodNetworkError": (
        "Faites appliquer la politique de docs/kubernetes.md dans l'espace {namespace!r} ; ou dites network='cluster' si le script a "
        "besoin d'un réseau."
    ),
    "ImageBuildError": "Corrigez le Dockerfile, ou le dossier, à l'endroit que nomme la phrase ci-dessus.",
    "ImagePullError": "Vérifiez le nom et l'étiquette de l'image ; un registre privé veut une connexion que nomme docker_conn_id.",
    "ContainerNameTakenError": "Laissez container_name de côté, ou supprimez ce conteneur.",
    "ContainerInputError": "Rendez le fichier {name!r} lisible, ou ôtez-le de ce qui entre dans le conteneur.",
    "ContainerOutputError": "Faites écrire {path} par le script, ou corrigez le chemin dans la tâche.",
    "ContainerCommandError": "Nommez un programme que contient l'image, par son chemin s'il n'est pas dans PATH.",
    "ContainerFailedError": "Corrigez ce que disent les dernières lignes du conteneur, puis effacez (clear) la tâche.",
    "ContainerGaveUpError": "Faites installer par l'image le paquet qui apporte le module manquant.",
    "ContainerMailError": "Ou laissez mail= de côté : le script envoie alors lui-même, de nouveau à chaque essai.",
    "ContainerStoppedError": "Effacez (clear) la tâche si son travail doit être refait.",
    "ContainerLogTooLargeError": "Faites-le écrire moins, ou augmentez log_limit.",
    # delivery
    "NoRecipientsError": (
        "Nommez au moins une adresse dans la tâche, ou dans default_recipients de la connexion (EMAIL_RECEIVER d'un .env)."
    ),
    "EmptyRecipientsError": "Voyez ce qui fait la liste, si elle devrait nommer quelqu'un.",
    "RecipientNotAllowedError": "Retirez ces destinataires, ou permettez leurs domaines dans allowed_domains. Rien n'a été envoyé.",
    "NobodyAllowedError": "Retirez ces destinataires, ou permettez leurs domaines dans allowed_domains. Rien n'a été envoyé.",
    "CutoverError": "Corrigez ce qu'il y a, puis recommencez : l'ancienne place est comme elle était.",
    "DagInShadowError": "Terminez cela par : airflow daybreak cutover {dag_id}, une fois que l'ancien travail ne s'exécute plus.",
    "MailboxError": "Corrigez l'adresse, l'identifiant ou le mot de passe de la boîte {host}:{port}, comme le dit la phrase ci-dessus.",
    "ShadowUnreadableError": (
        "Restaurez ce fichier depuis une sauvegarde, ou supprimez-le et appelez airflow daybreak shadow start avant la prochaine "
        "exécution."
    ),
    "AttachmentChangedError": "Refaites le fichier : effacez (clear) la tâche qui l'a fait. Rien n'a été envoyé.",
    "AttachmentNotEncryptableError": "Joignez-le comme PDF ou classeur (.xlsx), ou envoyez-le par une tâche sans encrypt.",
    "EncryptionPasswordError": "Mettez-y un mot de passe de 12 signes ou plus, dit aux destinataires par une autre voie.",
    "MailTooLargeError": "Raccourcissez le rapport, ou augmentez max_bytes autant que le serveur le permet.",
    "ApprovalError": "Effacez (clear) la tâche pour demander de nouveau. Rien n'a été envoyé.",
    "ContentChangedError": "Effacez (clear) la tâche pour demander de nouveau. Rien n'a été envoyé.",
    "NothingToResendError": "Nommez qui doit le recevoir avec --to.",
    "NothingInDoubtError": "Voyez où en sont les courriels avec : airflow daybreak deliveries",
    "LedgerUnsafeError": "Prenez un système de fichiers local, ou S3 avec des écritures conditionnelles. Rien n'a été envoyé.",
    "ArchiveNotSharedError": (
        "Mettez [daybreak] archive sur un stockage d'objets ; ou, si le dossier est un seul montage pour tous les workers, dites-le : "
        "[daybreak] archive_is_shared = True. Rien n'a été envoyé."
    ),
    "RelayUnavailableError": "Voyez net.ipv4.ip_local_port_range, et ce qui occupe tant de ports.",
    "SmtpUnavailableError": (
        "Le prochain essai de la tâche recommence ; si cela dure, vérifiez l'hôte {host}, le port {port} et le réseau."
    ),
    "SmtpTlsError": "Corrigez la connexion. Aucun mot de passe n'a été envoyé.",
    "SmtpHelloError": (
        "Mettez dans local_hostname, dans l'extra de la connexion, le nom sous lequel le serveur connaît cette machine."
    ),
    "SmtpLoginError": "Corrigez l'identifiant et le mot de passe de la connexion.",
    "SenderRefusedError": "Corrigez from_email dans l'extra de la connexion, ou demandez à qui gère le serveur.",
    "DeliveryIncompleteError": (
        "Corrigez les adresses refusées. Pour ce qui est dans le doute, demandez à l'un d'eux, puis : airflow daybreak resend, ou réglez "
        "on_unknown."
    ),
    "DeliveryPendingError": "Le prochain essai de la tâche n'envoie qu'à ceux-là ; donnez-lui des retries.",
    "DeliveryInFlightError": (
        "Attendez jusqu'à {until} : si cette tâche-là est finie, ces courriels sont alors dans le doute, et on_unknown ou airflow "
        "daybreak resend en décide."
    ),
    "SecretsBackendError": "Corrigez la valeur qu'il contient, ou ce que [secrets] dit de lui.",
    # .env
    "DotenvUnreadableError": "Créez {path!r}, ou donnez à l'utilisateur du worker le droit de le lire.",
    "DotenvSyntaxError": "Corrigez la ligne {line} de {path!r}.",
    "DotenvMissingKeyError": "Ajoutez une ligne {key}=…",
    "DotenvValueError": "Corrigez la valeur de {key}.",
    # other schedulers' jobs
    "InvalidScheduleError": "Corrigez {expression!r} là où il est écrit.",
    "JobsUnreadableError": "Corrigez {path!r}, ou ôtez ce qui n'est pas un travail planifié.",
    # overview
    "IndexUnwritableError": (
        "Donnez à [daybreak] index un dossier d'un disque de cette machine où l'on peut écrire, ou supprimez le fichier : il est refait "
        "à partir des archives."
    ),
    "ArchiveAwayError": "Rétablissez l'accès aux archives ; d'ici là, ce qui en était connu est montré.",
    "ReportNotScheduledError": "Lancez plutôt son Dag à la main pour une date de rapport.",
    "BackfillFailedError": "Un Dag n'a qu'un rattrapage à la fois. Après avoir corrigé cela : airflow backfill create",
    "RunChangedError": "Rouvrez « Rapports du jour », et voyez ce qu'elle montre à présent.",
    "QuestionChangedError": "Rien n'a été fait. Rouvrez la page du jour, et voyez ce qu'elle montre à présent.",
    # releases
    "SourceUnreadableError": "Donnez un dossier ou un fichier .py que l'utilisateur du worker peut lire.",
    "NoScriptError": "Vérifiez source : il y faut un fichier .py, .sh ou .ipynb.",
    "SourceLinkError": "Copiez dans la source ce où mène le lien, ou supprimez le lien.",
    "SourceTooLargeError": "Gardez données et environnements hors de la source.",
    "SourceChangedError": "Déployez de nouveau quand personne n'écrit dans la source.",
    "RequirementsError": "Corrigez {path!r}, comme le dit la phrase ci-dessus.",
    "RequirementRefusedError": "Corrigez la ligne {line} de {path!r}, comme le dit la phrase ci-dessus.",
    "ProjectError": "Corrigez la commande {command!r} là où le projet nomme ses commandes.",
    "ProjectBuildError": (
        "Construisez-le sur place, ou construisez un wheel, publiez-le et déployez un script dont le requirements.txt le nomme."
    ),
    "CondaError": "Corrigez ce que dit conda, puis déployez de nouveau.",
    "CondaMissingError": "Mettez micromamba dans le PATH de chaque worker, ou dites ce qu'il faut dans un requirements.txt.",
    "LockingError": "Corrigez {path!r} d'après ce que dit uv.",
    "UnsolvableError": "Corrigez {path!r} : aucune version ne convient à tout ce qui est demandé.",
    "InstallError": "Corrigez ce que dit uv, puis déployez de nouveau.",
    "InterpreterError": (
        "Donnez dans python le chemin absolu d'un interpréteur que chacun peut exécuter, tel que /usr/bin/python3.12, ou une version, "
        "telle que 3.12."
    ),
    "InterpreterElsewhereError": "Un autre essai peut trouver un worker qui l'a. Ou changez python dans la tâche de déploiement.",
    "VerificationError": "Corrigez ce que dit l'explication, puis déployez de nouveau ; la version courante est restée.",
    "DeployLockTimeoutError": "Attendez-le, ou donnez un lock_timeout plus long.",
    "DiskFullError": (
        "Faites de la place, par exemple avec airflow daybreak releases prune, ou mettez [daybreak] releases sur un autre disque."
    ),
    "StorageError": "Donnez à [daybreak] releases un dossier local où l'utilisateur du worker peut écrire.",
    "LocksUnsupportedError": (
        "Mettez [daybreak] releases sur un disque local ; plusieurs workers partagent les versions par [daybreak] release_store."
    ),
    "ReleaseNotFoundError": "Déployez d'abord {name!r} avec VenvDeployOperator.",
    "ReleaseDamagedError": (
        "Déployez de nouveau la même source : c'est refait. Pour un environnement, airflow daybreak releases rebuild le fait aussi."
    ),
    "ReleasesUnsafeError": (
        "Corrigez les droits du dossier, si personne n'y a rien changé ; sinon, donnez à [daybreak] releases un dossier de cet "
        "utilisateur seul, et déployez de nouveau."
    ),
    "StillInUseError": "Recommencez quand ce travail est fini.",
    "StoredReleaseError": (
        "Supprimez-le du dépôt des versions ; si c'est celui d'une version, tout le dossier de la version. Puis déployez de nouveau."
    ),
    "PackedEnvironmentError": "Supprimez le dossier où il se trouve ; le prochain déploiement l'y remet.",
    "SecretNotHereError": "Mettez le même fichier à cet endroit sur chaque worker, ou déployez avec store_secrets=True.",
    "NoPreviousReleaseError": "Nommez dans to l'une de celles qui existent, ou déployez d'abord.",
    # other hosts
    "HostUnreachableError": (
        "Vérifiez que la machine est en marche, et que l'hôte et le port de la connexion sont justes. Ce qui s'y exécute continue."
    ),
    "HostKeyUnknownError": (
        "Comparez cette clé avec celle que montre l'hôte, puis ajoutez la ligne à ~/.ssh/known_hosts de l'utilisateur des workers, ou la "
        "clé comme host_key à l'extra de la connexion."
    ),
    "HostKeyChangedError": (
        "Si l'hôte a été réinstallé, comparez-y sa clé, et remplacez ce qu'en disent known_hosts ou host_key. Rien n'a été envoyé."
    ),
    "SshLoginError": (
        "Vérifiez l'identifiant, et key_file, private_key ou le mot de passe de la connexion, et que authorized_keys de l'hôte a la clé."
    ),
    "HostUnsuitableError": "Installez sur {host} ce qui manque, comme le dit la phrase ci-dessus.",
    "HostFolderError": (
        "Faites-y de la place ou donnez à son utilisateur le droit d'y écrire, ou nommez un autre dossier dans daybreak_folder, dans "
        "l'extra de la connexion."
    ),
    "RemoteRunLostError": "Plus rien ne s'en exécute ; le prochain essai recommence depuis le début.",
    "RemoteRunStoppedError": "Le prochain essai recommence depuis le début.",
    "RemoteMailError": "Recommencez ; si cela dure, voyez le journal de la tâche, la mémoire et les processus de l'hôte.",
    "RemoteProgramError": "Signalez-le-nous, s'il vous plaît, avec l'explication ci-dessus.",
    # scripts
    "RunAsError": "Corrigez l'utilisateur que donne la tâche, ou les droits que le worker a de prendre sa place.",
    "ClockError": "Ou laissez clock= de côté : le script a alors l'heure vraie, aussi les jours rattrapés.",
    "NotExportableError": "Changez {name} dans le Dag, ou laissez la tâche à Airflow.",
    "ScriptFailedError": "Corrigez le script. Pour l'exécuter à la main : {by_hand}",
    "ScriptGaveUpError": "Corrigez l'appel, ou nommez le paquet qui manque. Pour l'exécuter à la main : {by_hand}",
    "StateError": "Si le script doit recommencer depuis le début, supprimez {path!r}.",
    "ScriptConditionError": "Corrigez le script, ou la condition dans fail_on.",
    "ScriptSkippedError": "Rien, si c'est voulu ; sinon corrigez skip_on_exit_code.",
    "ScriptNotStartedError": "Corrigez command dans la tâche, comme le dit la phrase ci-dessus.",
    "ShellSyntaxError": "Ôtez {found!r}, ou faites lire la commande par bash.",
    "ScriptOutputError": "Faites afficher au script, en dernier, ce que la tâche attend, ou changez output.",
    "ArtifactUnreadableError": "Ne laissez rien, après la fin du script, supprimer ou remplacer ce qu'il a écrit.",
    # reports
    "TemplateUnreadableError": "Corrigez le chemin du modèle dans la tâche, ou les droits du fichier.",
    "TemplateError": "Corrigez le modèle à l'endroit montré.",
    "ExpressionError": "Corrigez l'expression de ce contrôle.",
    "TemplateLimitError": "Cherchez une boucle sans fin, et laissez à la requête les sommes de beaucoup de lignes.",
    "InvalidThemeError": "Corrigez le thème {path!r}.",
    "InvalidRowsError": "Donnez des lignes : une liste d'objets, un tableau, ou une requête.",
    "UnwritableValueError": "Faites-en du texte, un nombre, une date ou une heure dans la requête, ou dans la fonction qui la donne.",
    "InvalidSpecificationError": "Corrigez la spécification du graphique.",
    "MissingColumnError": "Prenez l'une des colonnes que nomme la phrase ci-dessus, ou ajoutez {column!r} à la requête.",
    "UnboundParameterError": "Donnez :{name} dans les paramètres de la source.",
    "QueryError": "Corrigez la requête, ou la connexion {conn_id!r}.",
    "DataUnreadableError": "Corrigez le chemin, ou rendez le fichier lisible, puis effacez (clear) la tâche.",
    "SnapshotUnreadableError": "Voyez s'il a été changé avec : airflow daybreak reports verify",
    "EmptyReportError": "Voyez ses sources, ou dites when_empty='send' ou 'skip'.",
    "ChecksFailedError": "Voyez le brouillon et les contrôles, corrigez les données, puis effacez (clear) la tâche.",
    "DagFileError": "Corrigez le fichier de Dag {path!r}.",
    "DagCheckError": "Voyez si Airflow marche ici : airflow version",
    "TooManyRowsError": "Agrégez-les dans la requête, ou prenez 'csv' à la place de 'xlsx'.",
    "ResourceRefusedError": "Mettez ce qu'il montre dans le rapport lui-même : une adresse data:",
    "ReportTooLargeError": "Raccourcissez sa prose, ou ôtez 'html' de formats.",
    "PageTooLargeError": "Montrez moins de lignes de ses tableaux (limit=) et moins de graphiques, ou ôtez 'page' et 'pdf' de formats.",
}
"""By an error's class, with its facts in braces."""


def next_step(error: DaybreakError) -> str:
    """Return what to do after an error, in French; "" for an error of a class that nobody has translated yet."""
    known = next((NEXT_STEPS[cls.__name__] for cls in type(error).__mro__ if cls.__name__ in NEXT_STEPS), "")
    return known.format_map(vars(error))

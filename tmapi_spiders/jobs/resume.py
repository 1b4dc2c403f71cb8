"""Resuming a job: its arguments from job.json, and the command to do it."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tmapi_spiders.config.channels import ENABLED
from tmapi_spiders.config.settings import COMMAND_LINE, PREFIX, SECRETS
from tmapi_spiders.errors import UsageProblems
from tmapi_spiders.inputs.job_names import is_job_name
from tmapi_spiders.inputs.seed import looks_like_image
from tmapi_spiders.inputs.seed_files.seed_file import STDIN
from tmapi_spiders.jobs.job_json import read_job_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scrapy.settings import BaseSettings

__all__ = ["command", "with_profile", "with_stored_arguments"]


def with_stored_arguments(given: Mapping[str, Any], output_dir: Path) -> dict[str, Any]:
    """Return the spider's arguments, completed from job.json if a job is named without seeds.

    Arguments that are given win. With seeds, nothing is taken from job.json.

    :param given: the spider's arguments as ``-a`` gives them
    :param output_dir: the folder of all jobs
    :raises UsageProblems: if there is no such job, or its seeds can't be read again
    :raises StorageError: if job.json can't be read
    """
    name = given.get("job")
    if "seeds" in given or not is_job_name(name):
        return dict(given)
    last = read_job_json(output_dir / name)
    stored = last.get("arguments")
    if not isinstance(stored, dict):
        raise UsageProblems(
            f"job={name}: it has not run before in {output_dir}, so its seeds are not known."
        )
    stored = {key: value for key, value in stored.items() if key not in {"job", "series"}}
    seeds, directory = stored.get("seeds"), last.get("directory")
    if seeds == STDIN:
        raise UsageProblems(
            f"job={name}: its seeds came through standard input, and are not kept. To resume "
            f"it, give them again, with its other arguments: -a seeds={STDIN}, or a file."
        )
    if isinstance(seeds, str) and isinstance(directory, str):
        # A relative path is relative to where the job was started.
        try:
            path = Path(directory) / Path(seeds).expanduser()
            if path.is_file() or not looks_like_image(seeds):
                stored = {**stored, "seeds": str(path)}
        except (OSError, ValueError, RuntimeError):  # not a path; the error comes when it is read
            pass
    return {**stored, **given}


def command(
    begun_by: Sequence[str],
    settings: BaseSettings,
    arguments: Mapping[str, Any],
    budget: int | None = None,
) -> str:
    """Return the command that resumes a job: with everything given to this one, except secrets.

    :param begun_by: the words before the arguments (``scrapy crawl NAME``); empty for a crawl in a
        script, and the text then says what to change in the script
    :param arguments: those for ``-a``
    :param budget: the budget to give instead of the present one
    """
    if not begun_by:
        wider = "" if budget is None else f" and the setting {PREFIX}BUDGET={budget}"
        return f"the same script, with the argument job={str(arguments['job'])!r}{wider}"
    words = [*begun_by]
    for name, value in arguments.items():
        words += ["-a", f"{name}={value}"]
    for name in sorted(settings):
        given = (settings.getpriority(name) or 0) >= COMMAND_LINE
        ours = name == ENABLED or (name.startswith(PREFIX) and name not in SECRETS)
        if given and ours and not (budget is not None and name == f"{PREFIX}BUDGET"):
            words += ["-s", f"{name}={settings[name]}"]
    if budget is not None:
        words += ["-s", f"{PREFIX}BUDGET={budget}"]
    return with_profile(shlex.join(words))


def with_profile(command: str) -> str:
    """Return a command with the settings profile of this one (``SCRAPY_PROJECT``)."""
    project = os.environ.get("SCRAPY_PROJECT")
    return (f"SCRAPY_PROJECT={shlex.quote(project)} " if project else "") + command

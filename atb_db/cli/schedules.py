"""What keeps archivers running and backups coming: lines for systemd, cron, Docker Compose and Railway."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path


def _cron(times: str, command: str) -> str:
    """A line of a crontab, in which `%` is the end of the command unless it is escaped."""
    return f"{times} cd {shlex.quote(str(Path.cwd()))} && {command}".replace("%", r"\%")


def archive_schedule(start: str, check: str, drill: str, *, container: str) -> str:
    """How an archiver is kept running, and what watches it; the commands are whole ones, with absolute paths."""
    folder = shlex.quote(str(Path.cwd()))
    unit = {"folder": str(Path.cwd()).replace("%", "%%"), "start": start.replace("%", "%%")}
    return f"""\
# systemd, /etc/systemd/system/atb-archive.service; then: systemctl enable --now atb-archive
[Unit]
Description=Continuous protection of the trading database
After=network-online.target

[Service]
WorkingDirectory={unit["folder"]}
# DATABASE_URL=…, readable by the service's user only
EnvironmentFile=/etc/atb/archive.env
ExecStart={unit["start"]} --foreground
Restart=always
RestartSec=5

[Install]
WantedBy=multi-user.target

# cron instead: started again within a minute; 6 is the exit code of "is running already"
# crontab: DATABASE_URL is set above these lines, or in {folder}/.env
{_cron("* * * * *", f"{start} >/dev/null 2>&1")}
# alert, from cron: exits with 3 when more than a minute would be lost, or something is amiss
{_cron("*/5 * * * *", f"{check} || echo 'atb-db: the archive is late'")}
# a drill once a week
{_cron("23 5 * * 0", f"{drill} || echo 'atb-db: the drill failed'")}

# Docker Compose: a service with the same image as the engine, and a volume of its own
#   archive:
#     command: atb-db {container} --foreground
#     volumes: [archive:/archive]
#     restart: unless-stopped"""


def backup_schedule(*, about: Sequence[str], cron: str, commands: Mapping[str, str], volume: Path) -> str:
    """How backups are made, checked and drilled by cron; the commands are whole ones, with absolute paths."""
    folder = shlex.quote(str(Path.cwd()))
    lines = "\n".join(f"# {line}" for line in about)
    return f"""\
{lines}
# crontab: DATABASE_URL is set above these lines, or in {folder}/.env
{_cron(cron, commands["command"])}
# alert: exits with 3 when the newest good backup is older than the RPO; run it elsewhere than the backup
{_cron("*/5 * * * *", commands["check"] + " || echo 'atb-db: backups are late'")}
# every night all of them are read through; every week any one of them is restored
{_cron("41 4 * * *", commands["verify"] + " || echo 'atb-db: a backup is damaged'")}
{_cron("23 5 * * 0", commands["drill"] + " || echo 'atb-db: the drill failed'")}
# Railway, railway.json of a service of its own. Its cron is UTC, skips a run while one is under way, and its disk
# is lost with each deployment: mount a volume at {volume}, or take the files elsewhere with --then."""

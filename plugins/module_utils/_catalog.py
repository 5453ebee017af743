# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: for use inside this collection only; it can change at any time without notice.

"""The catalogue of agent CLIs: one row of data each, no code.

Every rule was measured on the real client at the version named in ``measured``, but where a comment says otherwise;
``docs/agent-clis.md`` tells how. Paths are relative to the home directory of the user
who runs the CLI, on the host for ``source`` and in the container for the rest.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class MirrorRules:
    """How the mirror accepts and reduces a source. Dotted paths; ``*`` stands for any one key.

    ``require``  alternatives: at least one of these paths must hold a non-empty string
    ``scopes``   a path that must hold a non-empty list or string, else the client counts as logged out
    ``keep``     top-level keys that are published; empty means all
    ``drop``     paths removed before publication
    ``blank``    paths set to the empty string before publication (the client insists on the key)
    ``expires``  path of the access token's expiry, milliseconds since the epoch
    ``account``  path that tells one login's account from another's
    ``comments`` the file is JSON with ``//`` comment lines
    ``keep_warm`` command with which the CLI refreshes its own login without any use of a model
    """

    require: tuple[str, ...]
    scopes: str | None = None
    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    blank: tuple[str, ...] = ()
    expires: str | None = None
    account: str | None = None
    comments: bool = False
    keep_warm: tuple[str, ...] = ()


@dataclass(frozen=True)
class AgentCli:
    """One agent CLI.

    ``config_dir`` is the directory the CLI keeps its state in, ``credential`` the credential
    file's path inside it. ``config_dir_variable`` moves it: to the variable's value itself, plus
    ``config_dir_suffix``. ``store_variable`` moves the credential file alone.
    ``placements`` are those that were measured to work, the default first.
    ``reload`` tells when a running process uses a new login: ``request`` (its next request),
    ``rejected`` (after the server answered 401) or ``process`` (only a new process).
    """

    name: str
    measured: str
    commands: tuple[str, ...]
    source: str
    credential: str
    config_dir: str
    config_dir_variable: str | None
    config_dir_suffix: str
    store_variable: str | None
    placements: tuple[str, ...]
    reload: str
    masking_variables: tuple[str, ...]
    mirror: MirrorRules = field(repr=False)

    @property
    def file(self) -> str:
        """Name of the published file in the credentials directory."""
        return self.credential.rsplit("/", 1)[-1]


CATALOG: dict[str, AgentCli] = {
    row.name: row
    for row in (
        AgentCli(
            name="claude",
            measured="2.1.330",
            commands=("claude",),
            source=".claude/.credentials.json",
            credential=".credentials.json",
            config_dir=".claude",
            config_dir_variable="CLAUDE_CONFIG_DIR",
            config_dir_suffix="",
            store_variable="CLAUDE_SECURESTORAGE_CONFIG_DIR",
            placements=("store", "link", "config_dir"),
            reload="request",
            masking_variables=("CLAUDE_CODE_OAUTH_TOKEN", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"),
            mirror=MirrorRules(
                require=("claudeAiOauth.accessToken",),
                scopes="claudeAiOauth.scopes",
                keep=("claudeAiOauth",),
                drop=("claudeAiOauth.refreshToken",),
                expires="claudeAiOauth.expiresAt",
                account="claudeAiOauth.accountUuid",
                keep_warm=("claude", "auth", "status"),
            ),
        ),
        AgentCli(
            name="codex",
            measured="0.169.0",
            commands=("codex",),
            source=".codex/auth.json",
            credential="auth.json",
            config_dir=".codex",
            config_dir_variable="CODEX_HOME",
            config_dir_suffix="",
            store_variable=None,
            placements=("link",),
            reload="rejected",
            masking_variables=("OPENAI_API_KEY", "CODEX_API_KEY"),
            mirror=MirrorRules(
                require=("tokens.access_token", "OPENAI_API_KEY"),
                blank=("tokens.refresh_token",),
                account="tokens.account_id",
            ),
        ),
        AgentCli(
            name="gemini",
            measured="0.61.0",
            commands=("gemini",),
            source=".gemini/oauth_creds.json",
            credential="oauth_creds.json",
            config_dir=".gemini",
            config_dir_variable="GEMINI_CLI_HOME",
            config_dir_suffix=".gemini",
            store_variable=None,
            placements=("link",),
            reload="process",
            masking_variables=("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_APPLICATION_CREDENTIALS"),
            # The client needs its refresh token each hour: it is the one CLI whose refresh token is published.
            mirror=MirrorRules(require=("access_token", "refresh_token"), expires="expiry_date"),
        ),
        AgentCli(
            name="opencode",
            measured="1.18.33",
            commands=("opencode",),
            source=".local/share/opencode/auth.json",
            credential="auth.json",
            config_dir=".local/share/opencode",
            config_dir_variable="XDG_DATA_HOME",
            config_dir_suffix="opencode",
            store_variable=None,
            placements=("link",),
            reload="request",
            masking_variables=("OPENCODE_AUTH_CONTENT",),
            mirror=MirrorRules(require=("*.access", "*.key"), blank=("*.refresh",)),
        ),
        AgentCli(
            name="copilot",
            measured="1.0.102",
            commands=("copilot",),
            source=".copilot/config.json",
            credential="config.json",
            config_dir=".copilot",
            config_dir_variable="COPILOT_HOME",
            config_dir_suffix="",
            store_variable=None,
            # It writes config.json at every start: a link is replaced at once and a read-only home fails.
            placements=("store",),
            reload="rejected",
            masking_variables=("COPILOT_GITHUB_TOKEN", "GH_TOKEN", "GITHUB_TOKEN"),
            # `copilot login` writes authTokens; the other two are read too, and left behind when they are taken over.
            mirror=MirrorRules(
                require=("authTokens.*.token", "copilotTokens.*", "copilot_tokens.*"),
                keep=("authTokens", "copilotTokens", "copilot_tokens", "loggedInUsers", "lastLoggedInUser"),
                account="lastLoggedInUser.login",
                comments=True,
            ),
        ),
    )
}


def as_dict(row: AgentCli) -> dict[str, Any]:
    """A row as plain data, for playbooks and templates."""
    return {**asdict(row), "file": row.file}

# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


"""The catalogue of agent CLIs: one row of data each, no code.

Every rule was measured on the real client at the version named in ``measured``, but where a comment says otherwise;
``docs/agent-clis.md`` says how, and its table is made from these rows.
"""

from __future__ import annotations

from .cli import AgentCli, MirrorRules, VersionLimit

CATALOG: dict[str, AgentCli] = {
    row.name: row
    for row in (
        AgentCli(
            name="claude",
            measured="2.1.332",
            commands=("claude",),
            source=".claude/.credentials.json",
            credential=".credentials.json",
            config_dir=".claude",
            config_dir_variable="CLAUDE_CONFIG_DIR",
            config_dir_suffix="",
            store_variable="CLAUDE_SECURESTORAGE_CONFIG_DIR",
            store_variable_since="2.1.145",
            placements=("store", "link", "config_dir"),
            limits=(VersionLimit("config_dir", "2.1.175", "it ends with status 0 and without any output, or crashes"),),
            reload="request",
            reload_since="2.1.90",
            # Without it, next to the config directory, claude asks the questions of a first start each time.
            seeds={".claude.json": "{}\n"},
            masking_variables=("CLAUDE_CODE_OAUTH_TOKEN", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"),
            mirror=MirrorRules(
                require=("claudeAiOauth.accessToken",),
                scopes="claudeAiOauth.scopes",
                keep=(
                    "claudeAiOauth.accessToken",
                    "claudeAiOauth.expiresAt",
                    "claudeAiOauth.refreshTokenExpiresAt",
                    "claudeAiOauth.scopes",
                    "claudeAiOauth.subscriptionType",
                    "claudeAiOauth.subscriptionTypeSource",
                    "claudeAiOauth.rateLimitTier",
                    "claudeAiOauth.accountUuid",
                    "claudeAiOauth.organizationUuid",
                ),
                # The refresh token, and other secrets that the client's code saves in the same file.
                drop=(
                    "claudeAiOauth.refreshToken",
                    "mcpOAuth",
                    "mcpOAuthClientConfig",
                    "pluginSecrets",
                    "trustedDeviceToken",
                    "mcpXaaIdp",
                    "slackTag",
                    "hybridOauth",
                    "designOauth",
                ),
                refresh=("claudeAiOauth.refreshTokenExpiresAt",),
                expires="claudeAiOauth.expiresAt",
                refresh_expires="claudeAiOauth.refreshTokenExpiresAt",
                # Not `auth status`, which ends without waiting for the answer: versions to 2.1.268 lose it. With an
                # empty configuration directory there are no servers, hooks or settings of the user to start.
                keep_warm=("claude", "mcp", "list"),
                keep_warm_since="2.1.145",
                keep_warm_install="npm install --global --prefix ~/.local @anthropic-ai/claude-code",
                # It blanks its file, too.
                keep_warm_rejected=("invalid_grant",),
                keep_warm_variables={"CLAUDE_SECURESTORAGE_CONFIG_DIR": "{store}", "CLAUDE_CONFIG_DIR": "{empty}"},
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
                keep=(
                    ".auth_mode",
                    ".OPENAI_API_KEY",
                    ".last_refresh",
                    "tokens.id_token",
                    "tokens.access_token",
                    "tokens.refresh_token",
                    "tokens.account_id",
                ),
                blank=("tokens.refresh_token",),
                refresh=("last_refresh",),
                # A JSON Web Token, which tells it.
                expires="tokens.access_token",
                # No ``keep_warm``: `features list` and the like do not tell a rejection, and `app-server`, which does,
                # sends two requests where one fails; once a login was not renewed after that (docs/mirror.md).
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
            passwd="its encrypted store and its search for a keychain end with uv_os_get_passwd returned ENOENT",
            masking_variables=("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_APPLICATION_CREDENTIALS"),
            # The client needs its refresh token each hour: it is the one CLI whose refresh token is published.
            mirror=MirrorRules(
                require=("access_token", "refresh_token"),
                keep=(".access_token", ".refresh_token", ".scope", ".token_type", ".expiry_date"),
                # Who the person is; no request needs it.
                drop=("id_token",),
                refresh=("refresh_token",),
                # No ``expires``: who reads the login renews its access token, whose end (expiry_date) stops no agent.
            ),
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
            # The variable moves the data of every program: what is not writable there would stop them.
            shared_dir=".local/share",
            store_variable=None,
            placements=("link",),
            reload="request",
            masking_variables=("OPENCODE_AUTH_CONTENT",),
            # The last three are from the client's code, not measured: other kinds of providers.
            mirror=MirrorRules(
                require=("*.access", "*.key"),
                keep=(
                    "*.type",
                    "*.access",
                    "*.refresh",
                    "*.expires",
                    "*.accountId",
                    "*.key",
                    "*.token",
                    "*.metadata.*",
                    "*.enterpriseUrl",
                ),
                blank=("*.refresh",),
                # A provider's name.
                refresh=("*",),
                expires="*.expires",
            ),
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
            # It writes config.json at every start: a link is replaced at once, and a read-only home fails.
            placements=("store",),
            reload="rejected",
            start="start it by examples/copilot/copilot-with-mirror, which copies the mirrored login into its home",
            masking_variables=("COPILOT_GITHUB_TOKEN", "GH_TOKEN", "GITHUB_TOKEN"),
            seeds={"settings.json": '{"storeTokenPlaintext": true}\n'},
            # `copilot login` writes authTokens; the other two are read too, and left behind when they are taken over.
            mirror=MirrorRules(
                require=("authTokens.*.token", "copilotTokens.*", "copilot_tokens.*"),
                keep=(
                    "authTokens.*.token",
                    "copilotTokens.*",
                    "copilot_tokens.*",
                    "loggedInUsers.*.host",
                    "loggedInUsers.*.login",
                    "loggedInUsers.*.kind",
                    "lastLoggedInUser.host",
                    "lastLoggedInUser.login",
                ),
                drop=("firstLaunchAt",),
                # Hosts with names of persons.
                refresh=("authTokens.*", "copilotTokens.*", "copilot_tokens.*"),
                comments=True,
            ),
        ),
    )
}

#!/usr/bin/env python3
# Copyright (c) 2026, the agentops.credentials maintainers
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Publish an agent CLI's credentials into the directory that agent containers mount.

    creds-mirror publish CONFIG      what the path unit starts
    creds-mirror verify CONFIG       the same, but silent about a refusal that was reported before
    creds-mirror keep-warm CONFIG    let the agent CLI renew its own login shortly before it ends
    creds-mirror notify CONFIG       run the operator's command if the state of the login got worse, or good again
    creds-mirror metrics CONFIG      write what it knows for Prometheus, where the configuration says
    creds-mirror client [CONFIG...]  look which program of this host can renew the login
    creds-mirror accept [CONFIG...]  publish the login that the source holds, although it is an earlier one
    creds-mirror rotate [CONFIG...]  give the source a new inode with the same content, as a drill
    creds-mirror status [--json] [CONFIG...]  show whether all is well
    creds-mirror --version

The algorithm of ``publish``; the same numbers stand at the code:

 1. Take the lock: one writer at a time, waiting at most LOCK_SECONDS.
 2. Remove what a killed run left in the staging directory.
 3. Open the source: never blocking, a regular file, the user's own, at most SOURCE_BYTES.
 4. Read it; it must be the same file, unchanged, after the read.
 5. Accept it: valid JSON, the required keys not empty.
 6. Reduce it to what may be published.
 7. Compare it with what is published: equal is done, an earlier login that a newer one has replaced is refused.
 8. Write it to the staging directory and fsync. Readers' rights come from that directory's default ACL.
 9. Rename it into the credentials directory, fsync the directory. The directory itself is never made or replaced.
10. Look at the source again. Changed meanwhile: start over.
11. Keep the state file, tell what happened in one line without a secret.

A refusal keeps the last good version. A source that is gone is a logout; what then happens is configured.
Exit statuses: 0 published, unchanged or withdrawn; 74 cannot write; 75 try later (incomplete, never stable, replaced);
77 refused (type, owner, size, permission, a refresh token); 78 configuration or dangling symlink. ``status``: 0
healthy, 1 not. ``keep-warm``: 0 renewed, not due, or known already; 75 failed, to be tried again; 77 rejected.
``verify``: 79 published what the watch should have reported. ``notify``: 75 the command failed, to be tried again.

CONFIG is a JSON file: cli, source, directory, file, publish, rules (the catalogue's MirrorRules), on_logout, grace
(seconds), keep_warm (a command or null), keep_warm_environment (variables for it), notify (a command or null), metrics
(a directory or null), units (systemd units to ask about), scope (user or system).

It must start fast (a login is visible tens of milliseconds after it was saved), so the units run it by ``python3 -I
-S`` and ``start.py``, which does not compile it, and it imports late, or not at all, what takes long to import.
Python 3.8, standard library only.
"""

import os
import sys

SOURCE_BYTES = 1 << 20
LOCK_SECONDS = 10.0
# A source that changes all the time is given up after so long; the path unit starts the mirror again.
STABLE_SECONDS = 10.0
STEP_SECONDS = 0.01
LEFTOVER = "new."
ROTATION = ".rotate."
UNKNOWN_KEYS = 20
# How many replaced logins are remembered, for how long, and how many tokens of one file are distinguished.
REPLACED = 256
REPLACED_SECONDS = 90 * 24 * 3600
PLACES = 32
# What ends later than this, or before 1973, is no end: a token of that kind has none, or its unit is another.
LONGEST_SECONDS = 400 * 24 * 3600
EARLIEST_SECONDS = 100_000_000
STATUS = "status.json"
LOGINS = "logins.json"
VERSION = "1.1.0"
WARM_LOCK = "keep-warm.lock"
# Clients refresh a token that ends within about five minutes; one that lives shorter is refreshed half-way.
LEAD_SECONDS = 290
# A failed refresh is tried again after so long, the last one for ever: until the refresh token has ended.
RETRY_SECONDS = (5, 15, 30, 60, 120, 300, 600)
# One run waits for a try that is due so soon after its start; the timer starts the next one a minute after its end.
WAIT_SECONDS = 75
CLIENT_SECONDS = 90
# What a client writes when it renews: the login, and its own files.
ROOM_BYTES = 16 << 20
# A person must log in again before the refresh token ends; so long before that it is announced.
WARN_SECONDS = 3 * 24 * 3600
BLANK = "its file holds no token any more, for the vendor has rejected them or its client has logged out"

PUBLISHED, CANNOT_WRITE, TRY_LATER, REFUSED, CONFIGURATION, BLIND = 0, 74, 75, 77, 78, 79
# A login that is older than this when the verification finds it was not reported by the watch.
BLIND_SECONDS = 5
# How long what is known of the client holds: in this time a new one, or that it is gone, is noticed.
CLIENT_KNOWN_SECONDS = 3600
NOTIFIED = "notified.json"
NOTIFY_SECONDS = 60
# The timer's runs are a little more than a minute apart.
HOURLY_SECONDS = 75

# --------------------------------------------------------------------------------------------------------------------
# Pure: rules over documents. No I/O below this line until the next one.


class JsonRules:
    """What ``json`` tells its scanner, with NaN and the infinities refused."""

    strict = True
    object_hook = object_pairs_hook = None
    parse_float, parse_int = float, int

    @staticmethod
    def parse_constant(_name):
        raise ValueError


def decode(text):
    """The document of a JSON text. Raises ValueError, RecursionError.

    Importing ``json`` takes longer than all the rest. Its scanner alone does for what is valid; ``json`` itself decides
    about everything else, and does it all where there is no such scanner.
    """
    try:
        from _json import make_scanner

        document, end = make_scanner(JsonRules)(text, 0)
        is_whole = not text[end:].strip(" \t\r\n")
    except Exception:
        is_whole = False
    if is_whole:
        return document
    import json

    return json.loads(text, parse_constant=JsonRules.parse_constant)


def encode(document):
    """The text of a document, as ``json.dumps`` writes it. Raises ValueError for a number that JSON cannot hold."""
    try:
        from _json import encode_basestring_ascii, make_encoder

        encoder = make_encoder(None, None, encode_basestring_ascii, None, ": ", ", ", False, False, False)
        return "".join(encoder(document, 0))
    except Exception:
        import json

        return json.dumps(document, allow_nan=False)


class Refusal(Exception):
    """Why a source is not published: ``str()`` is one line without a secret, ``status`` the exit status."""

    def __init__(self, reason, status=TRY_LATER):
        super().__init__(reason)
        self.status = status


class SourceChanged(Exception):
    """The source was changed while it was looked at: look again."""


def keys_of(path):
    """The keys of a path: ``a.b`` is two, ``.a`` is one, as ``a`` is; ``*`` is any one key or item of a list."""
    return tuple(path.lstrip(".").split("."))


def found_at(document, keys):
    """(path, value) of each value that these keys lead to."""
    found = [((), document)]
    for key in keys:
        deeper = []
        for path, value in found:
            if isinstance(value, dict):
                names = value if key == "*" else [key] if key in value else []
                deeper.extend(((*path, name), value[name]) for name in names)
            elif isinstance(value, list) and key == "*":
                deeper.extend(((*path, str(number)), item) for number, item in enumerate(value))
        found = deeper
    return found


def values_at(document, keys):
    """Each value that these keys lead to."""
    return [value for _path, value in found_at(document, keys)]


def parents_of(document, path):
    """Each (dictionary, key) at which a path ends in the document."""
    keys = keys_of(path)
    last = keys[-1]
    for parent in values_at(document, keys[:-1]):
        if isinstance(parent, dict):
            for key in list(parent) if last == "*" else [last] if last in parent else []:
                yield parent, key


def first_at(document, path):
    """The first value at a path, or None."""
    return next(iter(values_at(document, keys_of(path))), None) if path else None


def parse(content, rules):
    """The bytes of a credential file as a document. Raises Refusal."""
    if not content.strip(b" \t\r\n\0"):
        raise Refusal("it is empty")
    try:
        text = content.decode("utf-8")
        if rules.get("comments"):
            text = "\n".join("" if line.lstrip().startswith("//") else line for line in text.split("\n"))
        document = decode(text)
    except (ValueError, RecursionError):
        raise Refusal("it is not valid JSON, perhaps half written") from None
    if not isinstance(document, dict):
        raise Refusal("it is not a JSON object")
    return document


def accept(document, rules):
    """Nothing if a document is a login; raises Refusal if it is none."""
    if not any(tokens_of(document, rules)):
        raise Refusal("it holds no login ({} is empty or missing)".format(" and ".join(rules["require"])))
    if rules.get("scopes") and not first_at(document, rules["scopes"]):
        raise Refusal("its login has no scopes ({} is empty or missing)".format(rules["scopes"]))


KEEP_WHOLE, KEEP_PLAIN, DROP = range(3)
NOTHING = object()


def picked(document, rules):
    """What the rules let through of a document, and the paths of what they do not know.

    An allow-list: what no rule names is not published. It is reported, so that somebody looks what a new version of
    the CLI saves; ``drop`` names what is known and not published.
    """
    if not rules.get("keep"):
        return document, []
    # A path without a dot keeps all that is below the key; with one it keeps a text, a number or a list of these.
    patterns = [(keys_of(path), KEEP_PLAIN if "." in path else KEEP_WHOLE) for path in rules["keep"]]
    patterns += [(keys_of(path), DROP) for path in rules.get("drop") or ()]
    unknown = []
    return pick(document, patterns, (), unknown), unknown


def pick(value, patterns, above, unknown):
    """The part of a dictionary or list that the patterns, (keys left, what they do) each, keep."""
    if isinstance(value, dict):
        part = {}
        for key, child in value.items():
            # What stands for any key may be a person's or a provider's name: it is not shown.
            is_any = all(keys[0] != key for keys, _does in patterns) and any(keys[0] == "*" for keys, _does in patterns)
            kept = pick_one(child, patterns, (key, "*"), (*above, "*" if is_any else key), unknown)
            if kept is not NOTHING:
                part[key] = kept
        return part
    kept = [pick_one(child, patterns, ("*",), (*above, "*"), unknown) for child in value]
    return [item for item in kept if item is not NOTHING]


def pick_one(child, patterns, names, path, unknown):
    """What the patterns keep of a value that lies below any of the names; NOTHING if it is not kept at all."""
    below = [(keys[1:], does) for keys, does in patterns if keys[0] in names]
    ends = [does for keys, does in below if not keys]
    deeper = [(keys, does) for keys, does in below if keys]
    if DROP in ends:
        return NOTHING
    if KEEP_WHOLE in ends or (KEEP_PLAIN in ends and is_plain(child)):
        return child
    if isinstance(child, (dict, list)) and any(does != DROP for _keys, does in deeper):
        return pick(child, deeper, path, unknown)
    if child is None and deeper:  # such as Codex's tokens where there is an API key
        return None
    unknown.append(path)
    return NOTHING


def is_plain(value):
    return not isinstance(value, dict) and not (
        isinstance(value, list) and any(isinstance(item, (dict, list)) for item in value)
    )


def reduce(document, rules):
    """The bytes that may be published of an accepted document. Raises Refusal."""
    try:
        # Through JSON and back: a deep copy, and the same text for the same meaning.
        reduced = decode(encode(picked(document, rules)[0]))
    except (ValueError, RecursionError):  # a number beyond what JSON can hold, such as 1e999
        raise Refusal("it is not valid JSON") from None
    for path in rules.get("drop") or ():
        for parent, key in list(parents_of(reduced, path)):
            del parent[key]
    for path in rules.get("blank") or ():
        for parent, key in parents_of(reduced, path):
            parent[key] = ""
    refuse_refresh_tokens(reduced, rules)
    return (encode(reduced) + "\n").encode("ascii")


def refuse_refresh_tokens(reduced, rules):
    """The last check, whatever the other rules say: raises Refusal for a text under a key like a refresh token's."""
    allowed = [keys_of(path) for path in rules.get("refresh", ("**",))]
    waiting = [(reduced, ())]
    while waiting:
        value, above = waiting.pop()
        for key, child in value.items() if isinstance(value, dict) else [("*", item) for item in value]:
            path = above + (key,)
            if "refresh" in key.lower() and holds_text(child) and not any(matches(path, keys) for keys in allowed):
                raise Refusal(
                    f"it holds {shown(path)}, which looks like a refresh token and would be published; name it in the"
                    " field drop, blank or refresh of the CLI's row (creds_mirror_catalog)",
                    REFUSED,
                )
            if isinstance(child, (dict, list)):
                waiting.append((child, path))


def matches(path, keys):
    """Whether a pattern's keys lead to a path; a last ``**`` stands for all that is below."""
    if keys[-1] == "**":
        path, keys = path[: len(keys) - 1], keys[:-1]
    return len(path) == len(keys) and all(key in ("*", name) for name, key in zip(path, keys))


def holds_text(value):
    """Whether a non-empty string is in a value, at any depth."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str) and value:
            return True
        waiting.extend(value.values() if isinstance(value, dict) else value if isinstance(value, list) else ())
    return False


def shown(path):
    """A path for people. A key that does not look like a field's name is not shown: it may be somebody's secret."""
    plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
    return ".".join(key if key == "*" or (0 < len(key) <= 32 and not key.strip(plain)) else "?" for key in path)


def is_number(value):
    """Whether a value is a number that can be reckoned with; JSON has integers of any length."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e18


def end_at(document, path, rules, now):
    """When a token ends, in seconds since the epoch; None if that is not known, or cannot be.

    A login of several tokens, as a path with ``*`` finds them, goes on until the last of them ends.
    """
    if not path:
        return None
    ends = [end_of(value, rules) for value in values_at(document, keys_of(path))]
    endless = "*" in keys_of(path) and len(ends) < sum(1 for _token in tokens_of(document, rules))
    if endless or not all(end is not None and EARLIEST_SECONDS < end < now + LONGEST_SECONDS for end in ends):
        return None
    return max(ends, default=None)


def end_of(value, rules):
    """The end that a value tells, in seconds since the epoch, or None: a number, or a JSON Web Token's ``exp``."""
    if isinstance(value, str) and value.count(".") == 2:
        # RFC 7519. Whether it is signed well is the vendor's to say.
        from binascii import a2b_base64

        claims = value.split(".")[1].replace("-", "+").replace("_", "/")
        try:
            value = decode(a2b_base64(claims + "=" * (-len(claims) % 4)).decode("utf-8"))["exp"]
        except (ValueError, LookupError, TypeError, RecursionError):
            return None
        return value if is_number(value) else None
    if not is_number(value):
        return None
    return value if rules.get("expires_unit") == "s" else value / 1000


def tokens_of(document, rules):
    """(path, token) of each token that makes a document a login."""
    for path in rules["require"]:
        for place, value in found_at(document, keys_of(path)):
            if isinstance(value, str) and value.strip():
                yield place, value


def logins_of(document, rules):
    """What distinguishes a document's logins from others: a digest of each token, by a digest of its place."""
    found = {}
    for place, value in tokens_of(document, rules):
        name = "\0".join(place)
        found[digest(name)] = digest(f"{name}\0{value}")
    return found if len(found) <= PLACES else {"": digest("".join(sorted(found.values())))}


def is_blank(content, rules):
    """Whether a file is a login without tokens: its client takes them out when the vendor has rejected them."""
    try:
        return not logins_of(parse(content, rules), rules)
    except Refusal:
        return False


# The order of logins is not that of their ends: an account's next login may end earlier, and so may another account's.
# A history holds which logins were read, as digests: ``now`` those of the last accepted file, ``gone`` those that the
# host was logged out of since, ``replaced`` those that others have replaced, each with the time.
NO_HISTORY = {"now": {}, "gone": {}, "replaced": {}}


def is_replaced(history, logins):
    """Whether a file holds nothing new, but a login that was read before and replaced.

    A client that has an old login in its memory, or a restored backup, writes such a file over a newer one. Whoever has
    logged out has nothing to protect: then it is what the host has.
    """
    known = set(history["replaced"]).union(history["now"].values(), history["gone"].values())
    protected = [login for place, login in logins.items() if place not in history["gone"]]
    return known.issuperset(logins.values()) and any(login in history["replaced"] for login in protected)


def followed(history, logins, now):
    """The history once a file with these logins is accepted, at a time in seconds."""
    earlier = {**history["gone"], **history["now"]}
    replaced = dict(history["replaced"])
    for place, login in earlier.items():
        if place in logins and logins[place] != login:
            replaced.pop(login, None)
            replaced[login] = int(now)
    kept = [
        (login, at) for login, at in replaced.items() if login not in logins.values() and now - at < REPLACED_SECONDS
    ]
    gone = [(place, login) for place, login in earlier.items() if place not in logins]
    return {"now": logins, "gone": dict(gone[-PLACES:]), "replaced": dict(kept[-REPLACED:])}


def logged_out(history):
    """The history once the source is gone."""
    return {**history, "now": {}, "gone": {**history["gone"], **history["now"]}}


def as_history(document):
    """A history as it was kept; None for what is none."""
    if not isinstance(document, dict) or set(document) != set(NO_HISTORY):
        return None
    if not all(isinstance(part, dict) for part in document.values()):
        return None
    logins = [*document["now"].values(), *document["gone"].values()]
    sound = all(isinstance(one, str) for one in logins) and all(map(is_number, document["replaced"].values()))
    return document if sound else None


# Moments are dictionaries: ``boot`` names the boot, ``uptime`` counts its seconds, those of a suspend too, ``time`` is
# the wall clock's. The wall clock can be wrong and be put right at any time; the uptime cannot, but says nothing across
# a boot.


def same_boot(then, now):
    return then["boot"] == now["boot"] and then["uptime"] <= now["uptime"]


def elapsed(then, now):
    """Seconds since a moment, at least: of one in another boot it is only known that this boot came after it."""
    return now["uptime"] - (then["uptime"] if same_boot(then, now) else 0)


def seconds_left(end, read, now):
    """Seconds until a time of the wall clock, by the clock that leaves less: a clock that is set back hides no end.

    ``read`` is the moment at which the login was read first, if that is known. Its client has reckoned its end by the
    clock of then.
    """
    left = end - now["time"]
    if read is None or not same_boot(read, now):
        return left
    return min(left, end - read["time"] - elapsed(read, now))


def lead_of(login):
    """How long before its end a login is to be renewed."""
    if login["read"] is None:
        return LEAD_SECONDS
    return min(LEAD_SECONDS, (login["ends"] - login["read"]["time"]) / 2)


def notice_of(login):
    """How long before its end a login that nobody renews is announced: in the last tenth of its life."""
    life_seconds = 0 if login["read"] is None else login["ends"] - login["read"]["time"]
    return min(WARN_SECONDS, max(LEAD_SECONDS, life_seconds / 10))


def is_dead(login, renewal, now):
    """Whether nobody can renew a login: the vendor has rejected its refresh token, or that has ended."""
    rejected = renewal is not None and renewal["login"] == login["id"] and renewal["rejected"]
    return rejected or (
        login["refresh_ends"] is not None and seconds_left(login["refresh_ends"], login["read"], now) <= 0
    )


def seconds_to_try(login, renewal, now):
    """When to renew a login, in seconds from now; None if that is of no use.

    ``renewal`` holds the tries that have failed.
    """
    if login["ends"] is None or is_dead(login, renewal, now):
        return None
    wait = seconds_left(login["ends"], login["read"], now) - lead_of(login)
    if renewal is not None and renewal["login"] == login["id"] and same_boot(renewal["at"], now):
        pause = RETRY_SECONDS[min(renewal["failures"], len(RETRY_SECONDS)) - 1]
        wait = max(wait, pause - elapsed(renewal["at"], now))
    return max(0, wait)


def failed_renewal(login, renewal, reason, rejected, now):
    """What is kept of a try that failed."""
    failures = renewal["failures"] if renewal is not None and renewal["login"] == login["id"] else 0
    return {
        "login": login["id"],
        "failures": failures + 1,
        "reason": reason,
        "rejected": rejected,
        "at": now,
    }


def life(login, renewal, is_there, unrenewed, now):
    """(state, sentence, whether all is well) of the login that agents have.

    The states: ``none``, ``logged_out``, ``good``, ``ending``, ``ended``, ``log_in``. ``login`` is None before the
    first one, ``is_there`` is whether the host has one, ``unrenewed`` why nobody renews it, or None.
    """
    if login is None:
        return "none", "there is no login yet: log in on this host", False
    end, left = login["ends"], None
    if end is not None:
        left = seconds_left(end, login["read"], now)
    if not is_there:
        rest = (
            "its end is unknown"
            if left is None
            else f"it ended {span(-left)} ago"
            if left <= 0
            else f"it ends at {utc(end)}"
        )
        rest = f"agents keep the last login, {rest}" if login["published"] else "nothing is published"
        return "logged_out", f"logged out: {rest}", False
    failing = renewal if renewal is not None and renewal["login"] == login["id"] else None
    if failing and failing["rejected"]:
        why = f": {failing['reason']}"
    else:
        why = f", renewal failed {times(failing['failures'])}: {failing['reason']}" if failing else ""
    if left is not None and left <= 0:
        advice = "; log in again" if is_dead(login, renewal, now) or unrenewed else ""
        return "ended", f"ended {span(-left)} ago{why}{advice}", False
    if is_dead(login, renewal, now):
        when = utc(end) if left is not None else "its access token ends"
        return "log_in", f"log in again before {when}{why or ': its refresh token has ended'}", False
    if failing:
        return "ending", f"ends in {span(left)}{why}", False
    if login["refresh_ends"] is not None and seconds_left(login["refresh_ends"], login["read"], now) <= WARN_SECONDS:
        return "log_in", f"log in again before {utc(login['refresh_ends'])}: nobody can renew it after that", True
    if left is None:
        return "good", "good, its end is unknown", True
    if left <= notice_of(login) and unrenewed:
        return "ending", f"ends in {span(left)}: {unrenewed}", True
    return "good", f"good until {utc(end)}" + (f"; {unrenewed}" if unrenewed else ""), True


def why_unrenewed(state, config):
    """Why nobody renews the login of this host, or None."""
    if not config["keep_warm"]:
        return "nobody is asked to renew it"
    problem = (as_client(state.get("client")) or {}).get("problem")
    return f"nobody can renew it: {problem}" if problem else None


def as_client(value):
    """What was kept of the client that renews the login; None for what is none."""
    if not isinstance(value, dict) or as_moment(value.get("at")) is None:
        return None
    sound = all(value.get(key) is None or isinstance(value[key], str) for key in ("path", "problem"))
    return {key: value.get(key) for key in ("path", "problem", "at")} if sound else None


def severity(state, well, is_refused):
    """How much a person has to do: 0 nothing, 1 soon, 2 before the agents stop, 3 they have stopped or will."""
    if state in ("ended", "logged_out"):
        return 3
    if state in ("good", "none"):
        return 2 if is_refused else 0
    return 1 if well and not is_refused else 2


STATES = ("none", "logged_out", "good", "ending", "ended", "log_in")
NOT_TOLD = {"level": 0, "state": None, "failures": 0, "at": None}


def as_told(kept):
    """What the operator's command was told last, and how often it has failed since; of what is none, nothing."""
    try:
        told = decode((kept or b"").decode("utf-8"))
        sound = set(told) == set(NOT_TOLD) and told["level"] in (0, 1, 2, 3) and isinstance(told["failures"], int)
        return told if sound and (told["failures"] < 1 or as_moment(told["at"])) else NOT_TOLD
    except (ValueError, RecursionError, TypeError):
        return NOT_TOLD


def news(told, level):
    """(whether a person is to be told, what was told from now on) of a level of severity."""
    return level > told or (level == 0 < told), level


def span(seconds):
    """A length of time for people."""
    for name, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{int(seconds / length)} {name}"
    return "1 min" if seconds >= 60 else "less than 1 min"


def times(number):
    return {1: "once", 2: "twice"}.get(number, f"{number} times")


ALGORITHM = []


def sha256(content):
    """The SHA-256 of bytes, in hexadecimal."""
    if not ALGORITHM:  # once: a search for a module that is not there takes longer than the digest
        # Not by hashlib where it can be had without: that loads the whole of OpenSSL.
        try:
            from _sha2 import sha256 as algorithm
        except ImportError:
            try:
                from _sha256 import sha256 as algorithm
            except ImportError:
                from hashlib import sha256 as algorithm
        ALGORITHM.append(algorithm)
    return ALGORITHM[0](content).hexdigest()


def fingerprint(content):
    """Tells versions apart without telling anything of them."""
    return sha256(content)[:12]


def digest(text):
    """Distinguishes texts without a word of them."""
    return sha256(text.encode("utf-8", "surrogatepass"))[:24]


def login_facts(document, rules, before, now):
    """What is known of a login: ``before`` is what was known of the last one."""
    facts = {
        "id": digest("".join(sorted(logins_of(document, rules).values())))[:12],
        "ends": end_at(document, rules.get("expires"), rules, now["time"]),
        "refresh_ends": end_at(document, rules.get("refresh_expires"), rules, now["time"]),
        "read": now,
        "published": True,
    }
    if before is not None and before["id"] == facts["id"]:
        facts["read"] = before["read"]
    return facts


COUNTED = ("published", "refused", "renewed", "failed", "rejected")


def counts_of(state):
    """How often each thing has happened, as it was kept."""
    kept = state.get("counts") if isinstance(state.get("counts"), dict) else {}

    def is_count(value):
        return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 53

    return {key: kept[key] if is_count(kept.get(key)) else 0 for key in COUNTED}


def counted(state, what):
    """The counts with one more of that."""
    counts = counts_of(state)
    return {**counts, what: counts[what] + 1}


def exposition(report, state, user, looked, now):
    """What is known of a mirror in Prometheus' text format 0.0.4; a name is followed by its samples, once.

    ``looked`` is how many seconds ago the mirror has last looked at the source, or None. What is unknown has no sample.
    """

    def quoted(value):
        for char, escaped in (("\\", "\\\\"), ("\n", "\\n"), ('"', '\\"')):
            value = value.replace(char, escaped)
        return f'"{value}"'

    def gauge(name, description, *samples, kind="gauge"):
        known = [(labels, value) for labels, value in samples if value is not None]
        for labels, value in known:
            named = ",".join(
                f"{key}={quoted(text)}" for key, text in {"cli": report["cli"], "user": user, **labels}.items()
            )
            lines.append(f"creds_mirror_{name}{{{named}}} {value}\n")
        if known:
            lines[-len(known) : -len(known)] = [
                f"# HELP creds_mirror_{name} {description}\n# TYPE creds_mirror_{name} {kind}\n"
            ]

    lines, login, counts = [], as_login(state.get("login")) or {}, counts_of(state)
    left = {
        key: None if login.get(key) is None else round(seconds_left(login[key], login["read"], now))
        for key in ("ends", "refresh_ends")
    }
    published = state.get("published") or {}
    gauge("healthy", "Whether nothing needs a person.", ({}, int(report["healthy"])))
    gauge(
        "login_state",
        "1 for the state of the login, see docs/mirror.md.",
        *(({"state": name}, int(name == report["state"])) for name in (*STATES, "unknown")),
    )
    until = "Until the {} token ends; negative: it ended."
    gauge("access_token_remaining_seconds", until.format("access"), ({}, left["ends"]))
    gauge("refresh_token_remaining_seconds", until.format("refresh"), ({}, left["refresh_ends"]))
    gauge("last_publication_timestamp_seconds", "When a login was last published.", ({}, epoch(published.get("at"))))
    gauge("refused", "Whether the login is refused now.", ({}, int(bool(state.get("refusal")))))
    gauge("publications_total", "Logins published.", ({}, counts["published"]), kind="counter")
    gauge("refusals_total", "Logins refused, each reason once.", ({}, counts["refused"]), kind="counter")
    gauge(
        "renewals_total",
        "Tries to renew the login, by their result.",
        *(({"result": name}, counts[name]) for name in ("renewed", "failed", "rejected")),
        kind="counter",
    )
    gauge(
        "unit_active",
        "Whether a unit that must always be active is.",
        *(({"unit": unit}, int(answer == "active")) for unit, answer in report["units"].items()),
    )
    gauge("last_look_age_seconds", "Since the mirror has last looked at the login.", ({}, looked))
    gauge("metrics_timestamp_seconds", "When this was written.", ({}, int(now["time"])))
    return "".join(lines)


def epoch(text):
    """Seconds since the epoch of what ``utc`` has written, or None."""
    import calendar
    import time

    try:
        return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))
    except (TypeError, ValueError):
        return None


def as_moment(value):
    """A moment as it was kept; None for what is none."""
    sound = isinstance(value, dict) and isinstance(value.get("boot"), str)
    return value if sound and all(is_number(value.get(key)) for key in ("uptime", "time")) else None


def as_login(value):
    """What was kept of a login; None for what is none."""
    if not isinstance(value, dict) or not isinstance(value.get("id"), str) or as_moment(value.get("read")) is None:
        return None
    sound = all(value.get(key) is None or is_number(value[key]) for key in ("ends", "refresh_ends"))
    return {key: value.get(key) for key in ("id", "ends", "refresh_ends", "read", "published")} if sound else None


def as_renewal(value):
    """What was kept of failed tries; None for what is none."""
    if not isinstance(value, dict) or as_moment(value.get("at")) is None:
        return None
    kinds = {"login": str, "failures": int, "reason": str, "rejected": bool}
    return (
        value
        if all(isinstance(value.get(key), kind) for key, kind in kinds.items()) and value["failures"] > 0
        else None
    )


def with_life(state, config, now):
    """A state file's content with the login's life in it, for a moment."""
    login = as_login(state.get("login"))
    renewal = as_renewal(state.get("renewal"))
    source = state.get("source")
    is_there = not isinstance(source, dict) or source.get("inode") is not None
    name, sentence, is_well = life(login, renewal, is_there, why_unrenewed(state, config), now)
    return {
        **state,
        "renewal": renewal,
        "login": login
        and {
            **login,
            "ends_at": login["ends"] and utc(login["ends"]),
            "refresh_ends_at": login["refresh_ends"] and utc(login["refresh_ends"]),
        },
        "life": {"state": name, "sentence": sentence, "well": is_well},
    }


def published_form(content, config):
    """(document, bytes to publish) of a source's bytes. Raises Refusal."""
    document = parse(content, config["rules"])
    accept(document, config["rules"])
    return document, content if config["publish"] == "full" else reduce(document, config["rules"])


def unknown_keys(document, config):
    """The keys of a login that the rules do not know and that are therefore not published, for people."""
    if config["publish"] == "full":
        return []
    names = sorted({shown(path) for path in picked(document, config["rules"])[1]})
    return names[:UNKNOWN_KEYS] + ([f"and {len(names) - UNKNOWN_KEYS} more"] if len(names) > UNKNOWN_KEYS else [])


def utc(seconds):
    """Seconds since the epoch as ISO 8601 in UTC, or None for what no calendar holds."""
    import time

    try:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
    except (OverflowError, ValueError, OSError):
        return None


# --------------------------------------------------------------------------------------------------------------------
# Files


def clock():
    """This moment."""
    import time

    # In the sandbox of the system scope there is no /proc/sys; its units give the boot.
    boot = os.environ.get("CREDS_MIRROR_BOOT_ID") or (read_small("/proc/sys/kernel/random/boot_id") or b"").decode(
        "ascii"
    )
    return {
        "boot": boot.strip().replace("-", ""),
        "uptime": round(time.clock_gettime(time.CLOCK_BOOTTIME), 3),
        "time": round(time.time(), 3),
    }


def pause(seconds):
    import time

    time.sleep(seconds)


def identity(status):
    """What changes in a file's status whenever its content may have changed."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def look(path):
    """The identity of the file at a path, following links; None if there is none."""
    try:
        return identity(os.stat(path))
    except OSError:
        return None


def read_source(path, seen):
    """The bytes of the source, whose identity was ``seen``; None if there is none. Raises Refusal, SourceChanged."""
    import stat

    # 3. O_NONBLOCK: a FIFO in the source's place must not hold the mirror for ever.
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        if os.path.islink(path):
            raise Refusal(
                f"it is a symbolic link to {os.readlink(path)}, which does not exist or lies outside of"
                " the service's sandbox; run the role again",
                CONFIGURATION,
            ) from None
        return None
    except OSError as error:
        raise Refusal(f"it cannot be opened: {error.strerror}", REFUSED) from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise Refusal("it is not a regular file", REFUSED)
        if status.st_uid != os.geteuid():
            raise Refusal(f"it belongs to another user (uid {status.st_uid})", REFUSED)
        if status.st_size > SOURCE_BYTES:
            raise Refusal(f"it is larger than {SOURCE_BYTES} bytes", REFUSED)
        # 4. Bounded by itself: the file may grow while it is read.
        content = read_all(descriptor, SOURCE_BYTES + 1)
        if not seen == identity(status) == identity(os.fstat(descriptor)):
            raise SourceChanged
        return content
    finally:
        os.close(descriptor)


def read_all(descriptor, limit):
    """At most ``limit`` bytes."""
    content = b""
    while len(content) < limit:
        # In pieces: a buffer of the whole limit takes longer to get than a login to read.
        chunk = os.read(descriptor, min(limit - len(content), 65536))
        if not chunk:
            break
        content += chunk
    return content


def read_small(path, directory=None):
    """The bytes of a regular file that is not a link, or None."""
    import stat

    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        return read_all(descriptor, 2 * SOURCE_BYTES)
    finally:
        os.close(descriptor)


def write_whole(path, content, mode, directory=None, durable=True, times=None):
    """A new file that holds the whole content, or no file at all and an OSError."""
    # 0640 under umask 077 is 0600. Where the directory has a default ACL the umask does not count, and the group
    # bits are the ACL's mask: the named readers may read, the group may not.
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, mode, dir_fd=directory)
    try:
        # A disk with one free block, or a quota, takes the beginning and raises nothing: only the next write fails.
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
        if times:
            os.utime(descriptor, ns=times)
        if durable:
            os.fsync(descriptor)
        # Nothing is exchanged for what cannot be read again.
        os.lseek(descriptor, 0, os.SEEK_SET)
        if read_all(descriptor, len(content) + 1) != content:
            import errno

            raise OSError(errno.EIO, "what was written is not what is read", path)
    except BaseException:
        remove_if_possible(path, directory)
        raise
    finally:
        os.close(descriptor)


def remove_if_possible(path, directory=None):
    """Remove what has failed half-way; where the disk does not even let that be done, the next run does."""
    import contextlib

    with contextlib.suppress(OSError):
        os.unlink(path, dir_fd=directory)


class Mirror:
    """One credentials directory with its staging directory and state file, open while in a ``with`` block."""

    def __init__(self, config, accepts=False):
        self.config, self.accepts = config, accepts
        self.path = config["directory"]
        parent, name = os.path.split(self.path)
        self.staging_path = os.path.join(parent, f".{name}.staging")
        self.descriptors = []

    def __enter__(self):
        self.directory = self.open(self.path)
        self.staging = self.open(self.staging_path)
        return self

    def __exit__(self, *_error):
        # The lock goes with its descriptor.
        for descriptor in self.descriptors:
            os.close(descriptor)

    def open(self, path):
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        self.descriptors.append(descriptor)
        require_own(descriptor, path, (os.geteuid(),))
        return descriptor

    def lock(self):
        # 1. The kernel gives the lock back when the process ends, however it ends.
        import fcntl
        import time

        end = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                return fcntl.flock(self.staging, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > end:
                    raise Refusal("another mirror holds the lock") from None
                pause(STEP_SECONDS)

    def only_refresher(self):
        """A descriptor that is locked while somebody renews the login; None if somebody does already."""
        import fcntl

        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(WARM_LOCK, flags, 0o600, dir_fd=self.staging)
        self.descriptors.append(descriptor)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        return descriptor

    def sweep(self):
        # 2. Nobody else writes here: the lock is ours.
        for name in os.listdir(self.staging):
            if name.startswith(LEFTOVER):
                os.unlink(name, dir_fd=self.staging)

    def published(self):
        return read_small(self.config["file"], self.directory)

    def publish(self, content):
        self.replace(self.config["file"], content, self.directory)
        os.fsync(self.directory)

    def withdraw(self):
        name = f"{LEFTOVER}{os.getpid()}"
        os.rename(self.config["file"], name, src_dir_fd=self.directory, dst_dir_fd=self.staging)
        os.fsync(self.directory)
        os.unlink(name, dir_fd=self.staging)

    def history(self, published):
        """Which logins were read; of a mirror that has kept none, the published one."""
        history, kept = None, read_small(LOGINS, self.staging)
        if kept:
            try:
                history = as_history(decode(kept.decode("utf-8")))
            except (ValueError, RecursionError):  # lost to a power cut
                history = None
        if history is None:
            rules = self.config["rules"]
            try:
                history = {**NO_HISTORY, "now": logins_of(parse(published or b"", rules), rules)}
            except Refusal:  # what is published is no login: anything is better
                history = NO_HISTORY
        return history

    def keep_history(self, history):
        self.replace(LOGINS, (encode(history) + "\n").encode("ascii"))

    def settle(self, content, state):
        """One reading of the source brought to an end; ``state`` is brought up to date. Raises Refusal."""
        # 5. and 6.
        document, wanted = published_form(content, self.config)
        # 7.
        rules, published, now = self.config["rules"], self.published(), clock()
        history, logins = self.history(published), logins_of(document, rules)
        replaced = is_replaced(history, logins)
        if replaced and published not in (None, wanted) and not self.accepts:
            raise Refusal(
                "it is an earlier login, which a newer one has replaced; if it is the one you want, run: creds-mirror"
                " accept"
            )
        if published != wanted or not replaced or self.accepts:
            new = followed(history, logins, now["time"])
            if new != history:
                # Before the publication: a run that is killed between the two leaves no gap for an earlier login.
                self.keep_history(new)
        if published != wanted:
            self.publish(wanted)
        status = os.stat(self.config["file"], dir_fd=self.directory, follow_symlinks=False)
        login = login_facts(document, rules, as_login(state.get("login")), now)
        state["login"] = login
        renewal = as_renewal(state.get("renewal"))
        if renewal is not None and (renewal["login"] != login["id"] or renewal["reason"] == BLANK):
            state["renewal"] = None
        state["published"] = {
            "at": utc(status.st_mtime),
            "fingerprint": fingerprint(wanted),
            "expires_at": None if login["ends"] is None else utc(login["ends"]),
        }
        state["unknown_keys"] = unknown_keys(document, self.config)

    def logout(self, state):
        """The source is gone: keep what is published, or withdraw it when the grace period is over."""
        published = self.published()
        history = self.history(published)
        if history["now"]:
            self.keep_history(logged_out(history))
        if self.config["on_logout"] != "withdraw" or published is None:
            return
        now = clock()
        missing = as_moment(state.get("missing_since")) or now
        state["missing_since"] = missing
        if elapsed(missing, now) >= self.config["grace"]:
            self.withdraw()
            state["published"] = None
            login = as_login(state.get("login"))
            state["login"] = login and {**login, "published": False}
            say(5, "{}: withdrew the credentials: there is no login any more".format(self.config["cli"]))

    def once(self, state):
        """One pass: (identity of the source, exit status, reason of the refusal or None). Raises SourceChanged."""
        seen, content = look(self.config["source"]), None
        try:
            content = read_source(self.config["source"], seen)
            if content is None:
                self.logout(state)
            else:
                state.pop("missing_since", None)
                self.settle(content, state)
        except Refusal as refusal:
            login = as_login(state.get("login"))
            if login is not None and content is not None and is_blank(content, self.config["rules"]):
                state["renewal"] = as_renewal(state.get("renewal")) or failed_renewal(login, None, BLANK, True, clock())
            return seen, refusal.status, str(refusal)
        return seen, PUBLISHED, None

    def run(self, state):
        """Passes until the source holds still: (exit status, reason of the refusal or None)."""
        import time

        end = time.monotonic() + STABLE_SECONDS
        while True:
            try:
                seen, status, reason = self.once(state)
                # 10. systemd tells only of what comes after it has armed its watch again.
                if look(self.config["source"]) == seen:
                    state["source"] = {"path": self.config["source"], "inode": seen[1] if seen else None}
                    return status, reason
            except SourceChanged:
                pass
            if time.monotonic() > end:
                return TRY_LATER, "it does not stop changing"
            pause(STEP_SECONDS)

    def state(self):
        """The state file's content, without what is none; empty if there is none that can be read."""
        try:
            state = decode((read_small(STATUS, self.staging) or b"{}").decode("utf-8"))
        except (ValueError, RecursionError):
            return {}
        if not isinstance(state, dict):
            return {}
        kinds = {"refusal": dict, "published": dict, "source": dict, "unknown_keys": list, "counts": dict}
        sound = {
            key: value for key, value in state.items() if value is None or isinstance(value, kinds.get(key, object))
        }
        refusal = sound.get("refusal")
        if refusal and not all(isinstance(refusal.get(key), str) for key in ("at", "reason")):
            del sound["refusal"]
        return sound

    def keep_state(self, state):
        self.replace(STATUS, (encode(state) + "\n").encode("ascii"))

    def replace(self, name, content, directory=None):
        """Replace a file of the credentials directory, or of the staging directory: wholly, or not at all."""
        new = f"{LEFTOVER}{os.getpid()}"
        # 8. Losing a file of the staging directory to a power cut does no harm.
        write_whole(new, content, 0o640, self.staging, durable=directory is not None)
        # 9. A rename keeps the file's ACL; a reader sees the old file or the new one, never a second name.
        try:
            os.rename(new, name, src_dir_fd=self.staging, dst_dir_fd=directory or self.staging)
        except OSError:
            remove_if_possible(new, self.staging)
            raise


# --------------------------------------------------------------------------------------------------------------------
# Commands


def say(priority, message):
    """One line for the journal, with the priority that it reads, or for people."""
    status = os.fstat(2)
    is_journal = os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"
    sys.stderr.write(f"<{priority}>{message}\n" if is_journal else f"{message}\n")


def publish(config, verify=False, accepts=False):
    """The whole algorithm; ``accepts`` an earlier login. Returns the exit status."""
    import time

    cli = config["cli"]
    os.umask(0o077)
    try:
        with Mirror(config, accepts) as mirror:
            mirror.lock()
            mirror.sweep()
            before = mirror.state()
            state = dict(before, cli=cli)
            status, reason = mirror.run(state)
            # 11.
            told = (before.get("refusal") or {}).get("reason")
            if reason is None:
                state["refusal"] = None
            elif reason != told:
                state["refusal"] = {"at": utc(time.time()), "reason": reason}
                state["counts"] = counted(state, "refused")
            if state.get("published") and state["published"] != before.get("published"):
                state["counts"] = counted(state, "published")
            state = with_life(state, config, clock())
            if state != before:
                mirror.keep_state(state)
    except Refusal as refusal:
        say(3, f"{cli}: {refusal}")
        return refusal.status
    except OSError as error:
        say(3, f"{cli}: cannot publish into {config['directory']}: {error}")
        return CANNOT_WRITE
    unknown = state.get("unknown_keys")
    if unknown and unknown != before.get("unknown_keys"):
        say(5, f"{cli}: not published, for the catalogue does not know them: {', '.join(unknown)}")
    if reason is None:
        if state.get("published") and state["published"] != before.get("published"):
            say(5, f"{cli}: published {describe(state['published'])}")
            if verify and before.get("published") and was_missed(config["source"], time.time()):
                return BLIND
    elif verify and reason == told:
        return PUBLISHED
    else:
        say(4, f"{cli}: not published, the last good version is kept: {config['source']}: {reason}")
    return status


def was_missed(source, now):
    """Whether a source has been there for so long that its watch should have reported it."""
    try:
        return now - os.stat(source).st_ctime > BLIND_SECONDS
    except OSError:
        return False


def describe(published):
    return "login {}, its access token ends {}".format(
        published["fingerprint"],
        published["expires_at"] or "at no known time",
    )


def keep_warm(config):
    """Let the agent CLI renew its own login shortly before it ends. Returns the exit status.

    A run with nothing due ends at once. One that waits for a try, or tries again after a failure, ends after some two
    minutes; the timer starts the next one, which goes on with what is kept in the state file.
    """
    os.umask(0o077)
    try:
        with Mirror(config) as mirror:
            lock = mirror.only_refresher()
            if lock is None:
                return PUBLISHED
            warmer = Warmer(config, mirror, lock)
            known = as_client(mirror.state().get("client"))
            if known is None or elapsed(known["at"], clock()) > CLIENT_KNOWN_SECONDS:
                warmer.look_for_client()
            return warmer.run()
    except Refusal as refusal:
        say(4, f"{config['cli']}: cannot be kept warm: {refusal}")
        return refusal.status
    except OSError as error:
        say(3, f"{config['cli']}: cannot be kept warm: {error}")
        return CANNOT_WRITE


class Warmer:
    """The tries of one run."""

    def __init__(self, config, mirror, lock):
        self.config, self.mirror, self.lock = config, mirror, lock
        self.renewed = {}  # when, by login: the mirror may not have read it yet

    def run(self):
        start, status = clock(), PUBLISHED
        while True:
            now = clock()
            login, renewal = self.login(now), as_renewal(self.mirror.state().get("renewal"))
            wait = None if login is None else seconds_to_try(login, renewal, now)
            if wait is None or elapsed(start, now) + wait > WAIT_SECONDS:
                return status
            if wait > 0:
                # In short steps: the clock of sleep stands still in a suspend.
                pause(min(wait, 5))
            else:
                with TERMINATION:
                    status = self.renew(login, renewal)
                if TERMINATION.is_asked_for:
                    return status

    def login(self, now):
        """What is known of the source's login; None if there is none that could be renewed."""
        try:
            document = parse(self.content(), self.config["rules"])
            accept(document, self.config["rules"])
        except Refusal:  # the mirror reports it
            return None
        # The refresh token of a login that was replaced is spent: to send it again may log the host out.
        if is_replaced(self.mirror.history(None), logins_of(document, self.config["rules"])):
            return None
        before = as_login(self.mirror.state().get("login"))
        login = login_facts(document, self.config["rules"], before, now)
        if before is None or before["id"] != login["id"]:
            # Else nobody knows how long it has been there.
            login["read"] = self.renewed.get(login["id"])
        return login

    def content(self):
        """The source's bytes; none if there are none that hold still. Raises Refusal."""
        for _attempt in range(20):
            try:
                return read_source(self.config["source"], look(self.config["source"])) or b""
            except SourceChanged:
                pause(STEP_SECONDS)
        return b""

    def renew(self, login, renewal):
        """One try. Returns the exit status."""
        # A client that cannot save what it gets for the refresh token has spent it, and ends well.
        rejected, reason = False, cannot_be_saved(self.config["source"])
        if reason is None:
            rejected, reason = in_workplace(self.config, self.lock, run_client)
        now = clock()
        after = self.login(now)
        if after is not None and after["id"] != login["id"]:
            if after["ends"] is None or after["ends"] > now["time"]:
                self.renewed[after["id"]] = now
                self.keep(None, result="renewed")
                say(5, f"{self.config['cli']}: renewed its login")
                return PUBLISHED
            # As if it had failed: what ends at once would be renewed without a pause.
            renewal = renewal and {**renewal, "login": after["id"]}
            login, reason = after, "the new login ends at once"
        elif after is None:
            if look(self.config["source"]) is None:
                return PUBLISHED  # logged out meanwhile
            rejected = rejected or is_blank(self.content(), self.config["rules"])
        if rejected:
            reason = "the vendor has rejected its refresh token"
        kept = failed_renewal(login, renewal, reason or "it ended well but did not renew the login", rejected, now)
        self.keep(kept, result="rejected" if rejected else "failed")
        if renewal is None or kept["reason"] != renewal["reason"]:
            command, advice = " ".join(self.config["keep_warm"]), "; log in again on this host" if rejected else ""
            say(4, f"{self.config['cli']}: {command}: {kept['reason']}{advice}")
        return REFUSED if rejected else TRY_LATER

    def look_for_client(self):
        """Find out which program can renew the login, and keep it: its path, or why there is none."""
        path, problem = in_workplace(self.config, self.lock, choose_client)
        client = {"path": path, "problem": problem, "at": clock()}
        self.keep(client=client)
        return client

    def keep(self, renewal=NOTHING, client=NOTHING, result=None):
        """Keep what is known of the tries or of the client, and what follows from it for the login.

        ``result`` is that of a try, which is counted.
        """
        known = {"renewal": renewal, "client": client}
        with Mirror(self.config) as mirror:
            mirror.lock()
            mirror.sweep()
            before = mirror.state()
            new = {key: value for key, value in known.items() if value is not NOTHING}
            if result:
                new["counts"] = counted(before, result)
            state = with_life({**before, **new}, self.config, clock())
            if state != before:
                mirror.keep_state(state)


def cannot_be_saved(source):
    """Why a client could not save a new login, or None; it writes beside the file, or beside what that is a link to."""
    for place in sorted({os.path.dirname(source), os.path.dirname(os.path.realpath(source))}):
        problem = no_room(place)
        if problem:
            return f"a new login could not be saved in {place}: {problem}"
    return None


def no_room(directory):
    """Why a client could not write in a directory, or None."""
    import errno

    try:
        # Without a name: nothing of it is seen, or left.
        descriptor = os.open(directory, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, ROOM_BYTES)
        finally:
            os.close(descriptor)
        return None
    except OSError as error:
        # NFS, for instance, has no such files.
        if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL):
            return error.strerror
    free = os.statvfs(directory)
    if not os.access(directory, os.W_OK):
        return os.strerror(errno.EACCES)
    return None if free.f_bavail * free.f_frsize >= ROOM_BYTES else os.strerror(errno.ENOSPC)


class Termination:
    """SIGTERM in a ``with`` block, at a logout or a shutdown for instance: the end, unless it is put off.

    A client that has sent the refresh token is about to save what it gets for it: without it the login is lost.
    """

    is_asked_for = is_put_off = False

    def __enter__(self):
        import signal

        self.before = signal.signal(signal.SIGTERM, self.ask)

    def __exit__(self, *_error):
        import signal

        signal.signal(signal.SIGTERM, self.before)
        self.is_put_off = False

    def ask(self, _number, _frame):
        self.is_asked_for = True
        if not self.is_put_off:
            raise SystemExit


TERMINATION = Termination()


def in_workplace(config, lock, act):
    """What ``act(config, lock, environment, place)`` returns: ``environment`` is the client's, ``place`` a directory of
    its own. (None, why) if it cannot be had.
    """
    import shutil
    import subprocess
    import tempfile

    rules = config["rules"]
    prefix = f"creds-mirror-{os.fstat(lock).st_ino}-"
    for name in os.listdir(tempfile.gettempdir()):
        # What a killed run has left; the lock is ours, and so nobody works there.
        left = os.path.join(tempfile.gettempdir(), name)
        if name.startswith(prefix) and os.lstat(left).st_uid == os.geteuid():
            shutil.rmtree(left, ignore_errors=True)
    place = tempfile.mkdtemp(prefix=prefix)
    try:
        # The client finds nothing of the user's own there: no servers, no hooks, no settings, no project.
        places = {"{empty}": os.path.join(place, "empty"), "{store}": os.path.dirname(config["source"])}
        os.mkdir(places["{empty}"])
        os.mkdir(os.path.join(place, "work"))
        environment = client_environment(config.get("keep_warm_environment") or {})
        for name, value in (rules.get("keep_warm_variables") or {}).items():
            environment[name] = places.get(value, value)
        return act(config, lock, environment, place)
    except (OSError, subprocess.SubprocessError) as error:
        return None, f"it cannot be started: {error}"
    finally:
        shutil.rmtree(place, ignore_errors=True)


def choose_client(config, lock, environment, place):
    """(the program that renews the login, None), or (None, why there is none). The environment gets the way to it."""
    import re

    name, minimum = config["keep_warm"][0], config["rules"].get("keep_warm_since")
    clients, unfit = find_clients(name), []
    if not clients:
        return None, f"there is no program {name} on this host"
    path = environment["PATH"]
    for client in clients:
        environment["PATH"] = ":".join([os.path.dirname(client), path])
        if not minimum:
            return client, None
        output = os.path.join(place, "version")
        reason = run_program([client, "--version"], environment, os.path.join(place, "work"), output, lock)
        found = re.search(r"(?<![0-9.])[0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}(?![0-9])", "" if reason else read_end(output))
        if found and numbers(found.group()) >= numbers(minimum):
            return client, None
        unfit.append(f"{client} {'is ' + found.group() if found else reason or 'does not tell its version'}")
    return None, f"it takes {minimum} or newer to renew a login without losing it, and {', '.join(unfit)}"


def run_client(config, lock, environment, place):
    """Let the agent CLI renew its login: (whether the vendor has said no, why it failed or None)."""
    client, problem = choose_client(config, lock, environment, place)
    if client is None:
        return False, problem
    problem = no_room(place)
    if problem:
        return False, f"it cannot work in {os.path.dirname(place)}: {problem}"
    output = os.path.join(place, "output")
    command = [client, *config["keep_warm"][1:]]
    TERMINATION.is_put_off = True
    reason = run_program(command, environment, os.path.join(place, "work"), output, lock)
    said = read_end(output)
    return any(words in said for words in config["rules"].get("keep_warm_rejected") or ()), reason


def run_program(command, environment, directory, output, lock):
    """Run a program with its output in a file, for it may name the account; why it failed, or None."""
    import contextlib
    import signal
    import subprocess

    with open(output, "wb") as file:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            cwd=directory,
            env=environment,
            # With all that it starts; and while it lives no other refresher starts, even if this program is killed.
            start_new_session=True,
            pass_fds=(lock,),
        )
        try:
            status = process.wait(CLIENT_SECONDS)
        except subprocess.TimeoutExpired:
            # It may be about to save what the vendor has answered.
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            return f"it did not end within {CLIENT_SECONDS} seconds"
        finally:
            # Nothing that it has left behind holds the lock.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    return f"it ended with status {status}" if status else None


def notify(config):
    """Tell the operator's command that the state of the login got worse, or good again. Returns the exit status.

    Once for each change; what fails is tried again by the next runs, and a run in which nothing is due ends at once.
    """
    os.umask(0o077)
    try:
        with Mirror(config) as mirror:
            return tell(config, mirror)
    except OSError as error:
        say(3, f"{config['cli']}: cannot notify: {error}")
        return CANNOT_WRITE


def tell(config, mirror):
    """Run the operator's command if there is news. Returns the exit status."""
    now = clock()
    state = with_life(mirror.state(), config, now)
    message = notification(state, config)
    told = as_told(read_small(NOTIFIED, mirror.staging))
    is_news, level = news(told["level"], severity(message["state"], message["well"], bool(message["refusal"])))
    if is_news:
        failures = told["failures"]
        if failures and elapsed(told["at"], now) < RETRY_SECONDS[min(failures, len(RETRY_SECONDS)) - 1]:
            return PUBLISHED
        tried = {**told, "failures": failures + 1, "at": now}
        try:
            keep_told(config, tried)
        except OSError:
            # Where nothing can be kept, on a full disk for instance, nobody is called each minute.
            if not is_hourly(as_login(state.get("login")), now):
                raise
        reason = run_notification(config["notify"], {**message, "was": told["state"]})
        if reason:
            if not failures:
                say(4, f"{config['cli']}: the command of creds_mirror_notify {reason}; it is tried again")
            return TRY_LATER
    after = {**NOT_TOLD, "level": level, "state": message["state"]}
    if is_news or after != told:
        keep_told(config, after)
    return PUBLISHED


def keep_told(config, told):
    # Locked no longer than that takes: the operator's command may run for a minute.
    with Mirror(config) as mirror:
        mirror.lock()
        mirror.replace(NOTIFIED, (encode(told) + "\n").encode("ascii"))


def is_hourly(login, now):
    """Whether it is about a whole number of hours since the login has ended, or since the boot."""
    has_ended = login is not None and login["ends"] is not None and login["ends"] <= now["time"]
    return (now["time"] - login["ends"] if has_ended else now["uptime"]) % 3600 < HOURLY_SECONDS


def notification(state, config):
    """What the operator's command is told: no secret is in it."""
    import pwd

    login = state["login"] or {}
    return {
        "host": os.uname().nodename,
        "user": pwd.getpwuid(os.geteuid()).pw_name,
        "cli": config["cli"],
        **state["life"],
        "ends_at": login.get("ends_at"),
        "refresh_ends_at": login.get("refresh_ends_at"),
        "refusal": (state.get("refusal") or {}).get("reason"),
    }


def run_notification(command, message):
    """Run the operator's command with the message on its standard input; why it failed, or None."""
    import subprocess

    try:
        with subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,  # its words are the operator's, and may hold his secrets
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        ) as process:
            try:
                process.communicate((encode(message) + "\n").encode("ascii"), NOTIFY_SECONDS)
            except subprocess.TimeoutExpired:
                return f"did not end within {NOTIFY_SECONDS} seconds"
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, 9)
    except OSError as error:
        return f"cannot be started: {error.strerror}"
    return f"ended with status {process.returncode}" if process.returncode else None


def look_for_client(paths):
    """Print which program of this host can renew each login. Returns 0 if one can renew each, else 1."""
    status = 0
    for path in paths or known_configurations():
        config = read_configuration(path)
        if not config["keep_warm"]:
            sys.stdout.write(f"{config['cli']}: nobody is asked to renew it\n")
            continue
        with Mirror(config) as mirror:
            lock = mirror.only_refresher()
            if lock is None:
                client = as_client(mirror.state().get("client")) or {"path": "its client, right now", "problem": None}
            else:
                client = Warmer(config, mirror, lock).look_for_client()
        problem = client["problem"]
        sys.stdout.write(f"{config['cli']}: {problem or client['path'] + ' renews it'}\n")
        status = 1 if problem else status
    return status


def read_end(path):
    """The last 64 KiB of a file, as text."""
    with open(path, "rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - 65536))
        return file.read(65536).decode("utf-8", "replace")


def numbers(version):
    return [int(part) for part in version.split(".")]


def client_environment(more):
    """What a client gets of our environment: what leads to the vendor, but no token that would mask the login."""
    import pwd

    user = pwd.getpwuid(os.geteuid())
    kept = {"LANG", "LC_ALL", "TZ", "XDG_RUNTIME_DIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS"}
    kept |= {form(f"{name}_proxy") for name in ("http", "https", "all", "no") for form in (str.lower, str.upper)}
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        **{name: value for name, value in os.environ.items() if name in kept or name == "PATH"},
        "HOME": user.pw_dir,
        "USER": user.pw_name,
        "LOGNAME": user.pw_name,
        **more,
    }


def find_clients(name):
    """The paths of a program as the user would find it, the likeliest first."""
    import glob
    import pwd

    if "/" in name:
        return [name] if os.access(name, os.X_OK) else []
    user = pwd.getpwuid(os.geteuid())
    home = user.pw_dir
    found = login_shell_path(user)
    found += [f"{home}/{place}" for place in (".local/bin", f".{name}/local", "bin", ".npm-global/bin")]
    found += npm_prefixes(home)
    nodes = glob.glob(f"{os.environ.get('NVM_DIR') or home + '/.nvm'}/versions/node/*/bin")
    found += sorted(nodes, key=node_version, reverse=True)
    found += [f"{home}/{place}" for place in (".volta/bin", ".bun/bin", ".local/share/pnpm", ".asdf/shims")]
    found += (os.environ.get("PATH") or "").split(":") + ["/usr/local/bin", "/usr/bin"]
    programs = {}
    for directory in found:
        path = f"{directory}/{name}"
        if directory.startswith("/") and os.path.isfile(path) and os.access(path, os.X_OK):
            programs.setdefault(os.path.realpath(path), path)
    return list(programs.values())


def node_version(path):
    """Orders the directories of nvm: their names are v and a version."""
    name = path.split("/")[-2]
    return [int(part) for part in name[1:].split(".") if part.isdigit()]


def login_shell_path(user):
    """The directories in which the user's login shell looks for programs."""
    import subprocess

    try:
        ended = subprocess.run(
            [user.pw_shell or "/bin/sh", "-l", "-c", 'printf "\\nPATH=%s\\n" "$PATH"'],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={
                "HOME": user.pw_dir,
                "USER": user.pw_name,
                "LOGNAME": user.pw_name,
                "PATH": "/usr/local/bin:/usr/bin:/bin",
            },
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    lines = [line[5:] for line in ended.stdout.decode("utf-8", "replace").split("\n") if line.startswith("PATH=")]
    # fish has a list, which it prints with blanks.
    return lines[-1].replace(" /", ":/").split(":") if lines else []


def npm_prefixes(home):
    """Where npm installs programs for this user."""
    lines = (read_small(f"{home}/.npmrc") or b"").decode("utf-8", "replace").split("\n")
    prefixes = [line.partition("=")[2].strip() for line in lines if line.partition("=")[0].strip() == "prefix"]
    return [
        "{}/bin".format(prefix.replace("${HOME}", home).replace("~", home, prefix.startswith("~")))
        for prefix in prefixes
    ]


def health(config):
    """What a person wants to know of a mirror."""
    problems = []
    report = {
        "cli": config["cli"],
        "healthy": False,
        "state": "unknown",
        "login": "unknown",
        "ends_at": None,
        "refresh_ends_at": None,
        "source": config["source"],
        "directory": config["directory"],
        "published": None,
        "kept_warm": bool(config["keep_warm"]),
        "renewal": None,
        "client": None,
        "left_out": [],
        "units": {},
        "problems": problems,
    }
    try:
        with Mirror(config) as mirror:
            state, published = mirror.state(), mirror.published()
    except OSError as error:
        problems.append(f"cannot be read: {error}")
        return report
    try:
        content = read_source(config["source"], look(config["source"]))
        if content is not None and published != published_form(content, config)[1] and not state.get("refusal"):
            problems.append("what is published is not what the source holds")
        is_there = content is not None
    except (Refusal, SourceChanged) as problem:
        is_there = True
        if not state.get("refusal"):
            problems.append(f"the source: {str(problem) or 'it is changing now'}")
    if not is_there:
        state = {**state, "source": {"path": config["source"], "inode": None}}
    state = with_life(state, config, clock())
    if state.get("refusal"):
        problems.append("refused since {at}: {reason}".format(**state["refusal"]))
    login = state["login"] or {}
    report.update(
        state=state["life"]["state"],
        login=state["life"]["sentence"],
        ends_at=login.get("ends_at"),
        refresh_ends_at=login.get("refresh_ends_at"),
        renewal=state["renewal"] and {key: state["renewal"][key] for key in ("failures", "reason", "rejected")},
        client=(as_client(state.get("client")) or {}).get("path"),
        left_out=state.get("unknown_keys") or [],
    )
    if published is not None:
        kept = state.get("published") or {}
        is_kept = kept.get("fingerprint") == fingerprint(published)
        report["published"] = {"login": fingerprint(published), "at": kept.get("at") if is_kept else None}
    if not state["life"]["well"]:
        problems.append(state["life"]["sentence"])
    left = rotations(config["source"])
    if left:
        problems.append(f"a killed rotation has left {', '.join(left)}: run creds-mirror rotate, which sweeps it")
    for unit in config["units"]:
        report["units"][unit] = answer = unit_state(unit, config["scope"])
        if answer != "active":
            problems.append(f"{unit} is {answer}")
    report["healthy"] = not problems
    return report


def unit_state(unit, scope):
    """What systemd says of a unit."""
    import subprocess

    manager = ["systemctl"] + (["--user"] if scope == "user" else [])
    os.environ.setdefault("XDG_RUNTIME_DIR", f"/run/user/{os.geteuid()}")  # sudo and runuser do not set it
    try:
        ended = subprocess.run(
            [*manager, "is-active", unit],
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return ended.stdout.decode("ascii", "replace").strip() or "unknown"


def report_lines(report):
    """A report for people."""
    published = report["published"]
    lines = [
        ("login", report["login"]),
        ("source", report["source"]),
        ("directory", report["directory"]),
        (
            "published",
            "nothing"
            if published is None
            else f"login {published['login']}" + (f", since {published['at']}" if published["at"] else ""),
        ),
        ("renewal", "by this host's client, shortly before its end" if report["kept_warm"] else "nobody is asked to"),
        *([("client", report["client"])] if report["client"] else []),
    ]
    if report["left_out"]:
        lines.append(("left out", "{}: the catalogue does not know them".format(", ".join(report["left_out"]))))
    lines += [("unit", f"{unit}: {answer}") for unit, answer in report["units"].items()]
    lines += [("problem", problem) for problem in report["problems"]]
    head = "{}: {}\n".format(report["cli"], "healthy" if report["healthy"] else "not healthy")
    return head + "".join(f"  {name:<11}{text}\n" for name, text in lines)


def status(arguments):
    """Print the health of each mirror. Returns the exit status."""
    paths = [argument for argument in arguments if argument != "--json"]
    reports = [health(read_configuration(path)) for path in paths or known_configurations()]
    if len(paths) < len(arguments):
        import json

        sys.stdout.write(json.dumps(reports, indent=1) + "\n")
    else:
        sys.stdout.write("".join(report_lines(report) for report in reports))
    return 0 if all(report["healthy"] for report in reports) else 1


def accept_login(paths):
    """Publish what each source holds, although it may be an earlier login. Returns the exit status."""
    worst = PUBLISHED
    for path in paths or known_configurations():
        config = read_configuration(path)
        status = publish(config, accepts=True)
        if status == PUBLISHED:
            there = os.path.exists(config["source"])
            sys.stdout.write(
                "{}: {}\n".format(config["cli"], "its login is published" if there else "there is no login to accept")
            )
        worst = max(worst, status)
    return worst


def rotate(paths):
    """Give each source a new inode with the same content. Returns the exit status."""
    for path in paths or known_configurations():
        config = read_configuration(path)
        try:
            inode = rotate_one(os.path.realpath(config["source"]))
        except OSError as error:
            raise Refusal(f"{config['cli']}: cannot rotate: {error}", CANNOT_WRITE) from None
        sys.stdout.write(f"{config['cli']}: {config['source']} has the new inode {inode}\n")
    return 0


def rotate_one(source):
    """The new inode of a source. Raises Refusal, OSError; the source is then what it was.

    A client may save a new login at any moment, and that must not be lost: the copy is exchanged with the source, and
    whatever comes out that is not what was copied goes back in. The copy keeps the time of the original, by which
    ``recover_rotation`` knows what a killed rotation has left.
    """
    import stat

    directory = lock_directory(os.path.dirname(source))
    try:
        recover_rotation(source)
        for _attempt in range(10):
            try:
                content = read_source(source, look(source))
            except SourceChanged:
                continue
            if content is None:
                raise Refusal(f"there is no login to rotate: {source} does not exist", TRY_LATER)
            before = os.stat(source)
            copy = f"{source}{ROTATION}{os.getpid()}"
            umask = os.umask(0)
            try:
                write_whole(copy, content, stat.S_IMODE(before.st_mode), times=(before.st_atime_ns, before.st_mtime_ns))
            finally:
                os.umask(umask)
            expected = content
            while True:
                held = read_small(copy)
                exchange(copy, source)
                if read_small(copy) == expected:
                    break
                # Newer than what was put in before: put it back, and expect to get out what was just put in.
                expected = held
            os.unlink(copy)
            after = os.stat(source)
            if after.st_ino != before.st_ino:
                return after.st_ino
    except BaseException:
        recover_rotation(source)
        raise
    finally:
        os.close(directory)
    raise Refusal(f"{source} does not stop changing", TRY_LATER)


def lock_directory(path):
    """A descriptor of a directory, locked: one rotation at a time. Raises Refusal."""
    import fcntl

    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        require_own(descriptor, path, (os.geteuid(),))
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise Refusal("another rotation is under way") from None
    except Refusal:
        os.close(descriptor)
        raise
    return descriptor


def rotations(source):
    """What killed rotations of a source have left: the paths. Nobody rotates it now."""
    directory, name = os.path.split(f"{source}{ROTATION}")
    return sorted(
        f"{directory}/{entry}"
        for entry in os.listdir(directory)
        if entry.startswith(name) and entry[len(name) :].isdigit()
    )


def recover_rotation(source):
    """Sweep what killed rotations have left, each a whole login.

    One that was saved while the source was exchanged is newer than the source, and was not put back: it goes in again.
    """
    for path in rotations(source):
        held, now = read_small(path), read_small(source)
        if held and now is not None and held != now and os.lstat(path).st_mtime_ns > os.lstat(source).st_mtime_ns:
            exchange(path, source)
        os.unlink(path)


def exchange(one, other):
    """Exchange two files atomically."""
    import ctypes

    at_working_directory, rename_exchange = -100, 2
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(
        at_working_directory, os.fsencode(one), at_working_directory, os.fsencode(other), rename_exchange
    ):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), one, None, other)


def known_configurations():
    """The configurations of the user who asks, of both scopes."""
    import glob
    import pwd

    user = pwd.getpwuid(os.geteuid())
    found = sorted(
        glob.glob(os.path.join(user.pw_dir, ".config", "creds-mirror", "*.json"))
        + glob.glob(os.path.join("/etc/creds-mirror", user.pw_name, "*.json"))
    )
    if not found:
        raise Refusal(f"{user.pw_name} has no mirror on this host", CONFIGURATION)
    return found


def require_own(descriptor, path, owners):
    """Raises Refusal for another user's: nobody works, least of all root, on what somebody else has chosen."""
    owner = os.fstat(descriptor).st_uid
    if owner not in owners:
        raise Refusal(f"{path} belongs to uid {owner}: run it as that user (sudo -u '#{owner}')", REFUSED)


def read_configuration(path):
    """A configuration as a dictionary; it names programs. Raises Refusal."""
    try:
        with open(path, "rb") as file:
            require_own(file.fileno(), path, (0, os.geteuid()))
            return decode(file.read().decode("utf-8"))
    except OSError as error:
        raise Refusal(f"cannot read the configuration: {error}", CONFIGURATION) from None
    except ValueError:
        raise Refusal(f"the configuration {path} is not valid JSON", CONFIGURATION) from None


def metrics(config):
    """Write what is known of a mirror for Prometheus' node_exporter. Returns the exit status."""
    import pwd

    try:
        with Mirror(config) as mirror:
            state = mirror.state()
        user = pwd.getpwuid(os.geteuid()).pw_name
        content = exposition(health(config), state, user, last_look(config), clock()).encode("utf-8", "replace")
        # Who reads it has no right of the user's: what the collector finds must be readable, and whole.
        os.umask(0o022)
        directory = os.open(config["metrics"], os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            new = f".{config['cli']}.new"
            remove_if_possible(new, directory)  # of a killed run
            write_whole(new, content, 0o644, directory, durable=False)
            try:
                os.rename(new, f"creds_mirror_{config['cli']}.prom", src_dir_fd=directory, dst_dir_fd=directory)
            except OSError:
                remove_if_possible(new, directory)
                raise
        finally:
            os.close(directory)
    except OSError as error:
        say(3, f"{config['cli']}: cannot write the metrics: {error}")
        return CANNOT_WRITE
    return PUBLISHED


def last_look(config):
    """How many seconds ago the mirror has last verified what it published, or None if nobody knows."""
    import subprocess
    import time

    for timer in config["units"]:
        name, _dot, kind = timer.rpartition(".")
        if kind == "timer" and "-mirror-verify" in name:
            manager = ["systemctl"] + (["--user"] if config["scope"] == "user" else [])
            command = [*manager, "show", "--property=ExecMainExitTimestampMonotonic", "--value", f"{name}.service"]
            try:
                ended = subprocess.run(
                    command, check=False, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=10
                )
                microseconds = int(ended.stdout)
            except (OSError, ValueError, subprocess.TimeoutExpired):
                return None
            return round(time.monotonic() - microseconds / 1e6, 1) if microseconds else None
    return None


REPORTS = {"accept": accept_login, "client": look_for_client, "rotate": rotate, "status": status}
COMMANDS = {
    "publish": publish,
    "verify": lambda config: publish(config, verify=True),
    "keep-warm": keep_warm,
    "metrics": metrics,
    "notify": notify,
}


def main(arguments):
    """Returns the exit status."""
    try:
        if arguments == ["--version"]:
            sys.stdout.write(f"creds-mirror {VERSION}\n")
            return 0
        if arguments and arguments[0] in REPORTS:
            return REPORTS[arguments[0]](arguments[1:])
        if len(arguments) == 2 and arguments[0] in COMMANDS:
            return COMMANDS[arguments[0]](read_configuration(arguments[1]))
    except Refusal as refusal:
        say(3, str(refusal))
        return refusal.status
    sys.stderr.write(
        "usage: creds-mirror (publish | verify | keep-warm | metrics | notify) CONFIG\n"
        "       creds-mirror (accept | client | rotate | status [--json]) [CONFIG...]\n"
        "       creds-mirror --version\n"
    )
    return CONFIGURATION


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

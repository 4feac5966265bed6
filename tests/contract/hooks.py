"""What a JSON Schema cannot say of a valid request, said here: rules across fields, and what exists in this installation.

Only requests that are meant to be valid are touched, and only so that they are. All others go out as they were made.
Failures are dropped for single operations, checks and statuses alone, each with its reason.
"""

import json
import os
import re
import zlib

import schemathesis
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.openapi.checks import RejectedPositiveData, UseAfterFree

ACCOUNT = os.environ["KAIROS_ACCOUNT"]
REGION = os.environ["KAIROS_REGION"]
ROLE = f"arn:aws:iam::{ACCOUNT}:role/{os.environ['KAIROS_ROLE_PREFIX']}"

LAMBDA = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:contrato"
TARGETS = [
    LAMBDA,
    f"arn:aws:sqs:{REGION}:{ACCOUNT}:contrato",
    f"arn:aws:sns:{REGION}:{ACCOUNT}:contrato",
    f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:contrato",
]

# Each has occurred at PAST, and does not while the test runs.
SCHEDULES = [
    "0 0 1 1 ? *",
    "cron(00 0 1 JAN ? *)",
    "cron(0 0 1 */3 ? 2025-2199)",
    "cron(0 0 ? 1 5 2026,2032)",
    "cron(0 0 1 1 ? 2026-2050)",
]
PAST = "2026-01-01T00:00:00Z"
ZONES = ["UTC", "Africa/Abidjan", "Etc/GMT"]

# What a listing may be asked for together; anything else is refused, with what exists.
SCHEDULE_FILTERS = ["zonaHoraria", "ventanaFlexibleMinutos", "inicio", "fin"]


# Operation, what a check holds against it, the status of the answer.
RIGHT = {
    # The history of a process outlives it: it is read after the process was deleted, until it expires.
    ("leerHistoria", UseAfterFree, 200),
    # A tag that is well formed, but not the process's: no schema tells which one it is.
    ("reemplazarProceso", RejectedPositiveData, 412),
    ("eliminarProceso", RejectedPositiveData, 412),
    # With such a tag, another fault of a request need not be looked at any more.
    ("reemplazarProceso", AcceptedNegativeData, 412),
    ("eliminarProceso", AcceptedNegativeData, 412),
    # Which instants are occurrences of a calendarización, its own expression says: 400 names the nearest.
    ("repetirDisparo", RejectedPositiveData, 400),
}

CURSORS = {}
TAGS = re.compile(r'\*|"[!#-~]+"(, "[!#-~]+")*')


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    operation = operation_id(case)
    if isinstance(case.body, dict) and operation in ("registrarProceso", "reemplazarProceso"):
        case.body = process(dict(case.body), renamed=operation == "registrarProceso")
    elif isinstance(case.body, dict) and operation == "repetirDisparo":
        case.body = {"fechaProgramada": PAST}
    tag = case.headers.get("If-Match") if case.headers else None
    if tag is not None and not TAGS.fullmatch(tag):
        # The coverage phase fills a request in with a tag that is meant to be wrong, and still calls it valid.
        del case.headers["If-Match"]
    if case.query:
        case.query = query(dict(case.query), listing(case), operation)


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Keeps a failure, unless the answer is right although a check says otherwise."""
    return (operation_id(case), type(failure), response.status_code) not in RIGHT


@schemathesis.hook
def after_call(context, case, response):
    """Remembers whose each cursor is: it goes on with its own listing alone, under its own filters."""
    if response.status_code != 200 or b'"Cursor":"' not in response.content:
        return
    filters = {key: value for key, value in (case.query or {}).items() if key not in ("cursor", "limite")}
    CURSORS[response.json()["Cursor"]] = listing(case), filters


def operation_id(case):
    return case.operation.definition.raw.get("operationId")


def listing(case):
    return case.operation.label, repr(dict(case.path_parameters or {}))


def process(body, renamed):
    """A process that this installation takes, as far from the generated one as it must be."""
    body["arnRol"] = ROLE + name(body.get("arnRol"), 20)
    body["cron"] = choice(SCHEDULES, body.get("cron"))
    body["arnProceso"] = choice(TARGETS, body.get("arnProceso"))
    if body.get("zonaHoraria") is not None:
        body["zonaHoraria"] = choice(ZONES, body["zonaHoraria"])
    if body.get("inicio") is not None:
        body["inicio"] = "2025-06-01T00:00:00Z"
    if body.get("fin") is not None:
        body["fin"] = "2199-06-01T00:00:00.500+01:00"
    if body.get("tiempoMaximoSegundos") is not None:
        body["modoInvocacion"] = "RequestResponse"
    if body.get("modoInvocacion") == "RequestResponse":
        body["arnProceso"] = LAMBDA
    if body.get("parametros") is not None:
        body["parametros"] = json.dumps({"texto": body["parametros"][:1000]})
    if not renamed:
        # A process keeps its name.
        body.pop("nombre", None)
    return body


def query(given, of, operation):
    """The filters that exist, and no cursor that this listing did not write."""
    cursor = given.pop("cursor", None)
    its, filters = CURSORS.get(cursor, (None, {})) if isinstance(cursor, str) else (None, {})
    if its == of:
        limit = {key: given[key] for key in ("limite",) if key in given}
        return {**filters, **limit, "cursor": cursor}
    if operation != "listarProcesos":
        return given
    for text in ("cron", "inicio", "fin", "zonaHoraria"):
        if text in given:
            given[text] = {"cron": choice(SCHEDULES, given[text]), "inicio": PAST, "zonaHoraria": "UTC"}.get(
                text, "2199-01-01T00:00:00Z"
            )
    if "nombre" in given:
        dropped = ["idCalendarizacion", "cron", "habilitado", *SCHEDULE_FILTERS]
    elif "idCalendarizacion" in given:
        dropped = ["cron", *SCHEDULE_FILTERS]
    elif "cron" in given:
        dropped = []
    else:
        dropped = ["habilitado", *SCHEDULE_FILTERS]
    return {key: value for key, value in given.items() if key not in dropped}


def choice(values, drawn):
    """One of the values, the same for the same generated one."""
    return values[zlib.crc32(repr(drawn).encode("utf-8", "surrogatepass")) % len(values)]


def name(drawn, longest):
    """A name of letters and digits, the same for the same generated text."""
    return "".join(letter for letter in str(drawn) if letter.isascii() and letter.isalnum())[-longest:] or "x"

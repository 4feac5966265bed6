"""What botocore makes of every action that universal targets can call: requests from an input that is made up from the
model's shape, and the hosts of the services. One JSON object a line on the standard output."""

import base64
import gzip
import json
import os
import sys

import botocore
from botocore.endpoint_provider import EndpointProvider
from botocore.model import ServiceModel
from botocore.serialize import create_serializer

DATA = os.path.join(os.path.dirname(botocore.__file__), "data")
REGIONS = [
    "us-east-1", "sa-east-1", "eu-west-1", "ap-southeast-2",
    "cn-north-1", "cn-northwest-1", "us-gov-west-1", "us-gov-east-1",
]
INSTANT = "2026-01-02T03:04:05Z"


def load(*path):
    with gzip.open(os.path.join(DATA, *path)) as file:
        return json.load(file)


def models():
    """The newest model of each service by its id in lower case without blanks."""
    found = {}
    for name in sorted(os.listdir(DATA)):
        if not os.path.isdir(os.path.join(DATA, name)):
            continue
        versions = [v for v in sorted(os.listdir(os.path.join(DATA, name)))
                    if os.path.isfile(os.path.join(DATA, name, v, "service-2.json.gz"))]
        if versions:
            model = load(name, versions[-1], "service-2.json.gz")
            key = model["metadata"]["serviceId"].lower().replace(" ", "")
            found.setdefault(key, (model, (name, versions[-1])))
    return found


def made_up(shape, outer, only_required, stack=(), payload=False):
    """An input for a shape, as a user of a universal target writes it (blobs in base64), and as botocore takes it."""
    kind = shape.type_name
    if getattr(shape, "is_document_type", False):
        document = {"Any Thing": [1, {"Other": "x"}], "Texto": "ñ"}
        return document, document
    if shape.name in stack or len(stack) > 7:
        empty = {"structure": {}, "map": {}, "list": []}.get(kind)
        if empty is not None:
            return empty, empty
    inner = stack + (shape.name,)
    if kind == "structure":
        members = [(name, member) for name, member in shape.members.items()
                   if not only_required or name in shape.required_members]
        both = {name: made_up(member, shape, only_required, inner, shape.serialization.get("payload") == name)
                for name, member in members}
        return {n: b[0] for n, b in both.items()}, {n: b[1] for n, b in both.items()}
    if kind == "list":
        ours, theirs = made_up(shape.member, shape, only_required, inner)
        return [ours], [theirs]
    if kind == "map":
        ours, theirs = made_up(shape.value, shape, only_required, inner)
        return {"Key One": ours, "key.two": ours}, {"Key One": theirs, "key.two": theirs}
    if kind == "blob":
        raw = b"hola \xc3\xb1" if payload else b"\x00\xff blob"
        ours = raw.decode() if payload else base64.b64encode(raw).decode()
        return ours, raw
    plain = {"integer": 7, "long": 8, "float": 1.5, "double": 2.25, "boolean": True, "timestamp": INSTANT}
    value = plain.get(kind)
    if value is None:
        value = 'a b/c~d,"e'
    return value, value


def hosts(model, rules, partitions, operations):
    provider = EndpointProvider(rules, partitions)
    metadata = model["metadata"]
    name = metadata.get("signingName", metadata["endpointPrefix"])
    seen = []
    for operation, action in operations:
        static = {k: v["value"] for k, v in model["operations"][operation].get("staticContextParams", {}).items()}
        if static in seen:
            continue
        seen.append(static)
        for region in REGIONS:
            given = {"Region": region, "UseFIPS": False, "UseDualStack": False, **static}
            try:
                endpoint = provider.resolve_endpoint(**{k: v for k, v in given.items() if k in rules["parameters"]})
            except Exception:
                continue
            schemes = [s for s in endpoint.properties.get("authSchemes", []) if s["name"] == "sigv4"]
            scheme = schemes[0] if schemes else {}
            yield {"action": action, "region": region, "host": endpoint.url.removeprefix("https://").rstrip("/"),
                   "signing_region": scheme.get("signingRegion", region), "signing_name": scheme.get("signingName", name)}


def body(serialized):
    found = serialized["body"]
    if isinstance(found, str):
        found = found.encode()
    if isinstance(found, dict):
        found = b""
    return base64.b64encode(found).decode()


def request(serializer, operation, theirs):
    made = serializer.serialize_to_request(theirs, operation)
    query = []
    for key, value in (made["query_string"] or {}).items():
        for one in value if isinstance(value, list) else [value]:
            query.append([key, str(one)])
    return {"method": made["method"], "path": made["url_path"], "query": query, "body": body(made),
            "headers": {k.lower(): str(v) for k, v in made["headers"].items()},
            "host_prefix": made.get("host_prefix", "")}


def labelled(operation, given):
    """Values of members that become part of the host can hold no blanks."""
    for name, member in operation.input_shape.members.items() if operation.input_shape else ():
        if operation.endpoint and "{" + name + "}" in operation.endpoint["hostPrefix"] and name in given:
            given[name] = "g-0a1b"


def main():
    with open(os.path.join(DATA, "partitions.json")) as file:
        partitions = json.load(file)
    known = models()
    for line in open(sys.argv[1]):
        service, *actions = line.split()
        actions = [action for action in actions if "!" not in action]
        if not actions:
            continue
        model, folder = known[service]
        metadata = model["metadata"]
        protocol = "json" if "json" in metadata.get("protocols", [metadata["protocol"]]) else "rest-json"
        serializer = create_serializer(protocol, include_validation=False)
        shapes = ServiceModel(model, service)
        operations = [(action[0].upper() + action[1:], action) for action in actions]
        requests = []
        for name, action in operations:
            operation = shapes.operation_model(name)
            for only_required in (False, True):
                ours, theirs = {}, {}
                if operation.input_shape is not None:
                    ours, theirs = made_up(operation.input_shape, operation.input_shape, only_required)
                labelled(operation, ours)
                labelled(operation, theirs)
                requests.append({"action": action, "input": ours, **request(serializer, operation, theirs)})
        rules = load(*folder, "endpoint-rule-set-1.json.gz")
        found = list(hosts(model, rules, partitions, operations))
        print(json.dumps({"service": service, "requests": requests, "hosts": found}))


main()

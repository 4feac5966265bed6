"""moto's server, with a bridge over what moto lacks and AWS has.

Each gap is one function whose text says what AWS does, and where AWS says so. The bridge answers nothing that moto has an
answer for, and forgives nothing: what moto refuses stays refused.
"""

import io
import json
import re
from urllib.parse import parse_qs

import cbor2
from moto import server
from moto.apigateway.models import UsagePlan, apigateway_backends
from moto.awslambda.models import LambdaFunction
from moto.dynamodb.responses import DynamoHandler
from moto.logs.exceptions import ResourceNotFoundException
from moto.logs.responses import LogsResponse
from moto.sqs.models import Queue

CREDENTIAL = re.compile(r"Credential=(\d{12})/\d{8}/([a-z0-9-]+)/([a-z0-9-]+)/")
CLOUDWATCH = re.compile(r"/service/(GraniteServiceVersion20100801)/operation/(\w+)")
GATEWAY_TAGS = re.compile(r"/tags/arn:[a-z-]+:apigateway:[a-z0-9-]+::/(restapis|apikeys|usageplans)/(\w+)")


class Bridge:
    """Sees every request before moto does."""

    def __init__(self, moto):
        self.moto = moto

    def __call__(self, environ, start):
        signed = CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
        account, region, service = signed.groups() if signed else (None, None, None)
        if account:
            # As in MiniStack, an access key of twelve digits is the account; moto takes the account from this header.
            environ["HTTP_X_MOTO_ACCOUNT_ID"] = account
        if CLOUDWATCH.fullmatch(environ["PATH_INFO"]):
            return self.cloudwatch(environ, start)
        if service == "apigateway" and GATEWAY_TAGS.fullmatch(environ["PATH_INFO"]):
            return self.gateway_tags(apigateway_backends[account][region], environ, start)
        return self.moto(environ, start)

    def cloudwatch(self, environ, start):
        """CloudWatch speaks Smithy RPC v2 CBOR, as its service model says (`protocols`); moto speaks its JSON protocol.

        The two carry the same shapes under the same names; a timestamp is CBOR's tag 1.
        https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html
        """
        target, operation = CLOUDWATCH.fullmatch(environ["PATH_INFO"]).groups()
        asked = read(environ)
        body = json.dumps(cbor2.loads(asked) if asked else {}).encode()
        environ.update(
            {
                "PATH_INFO": "/",
                "CONTENT_TYPE": "application/x-amz-json-1.0",
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_X_AMZ_TARGET": f"{target}.{operation}",
                "wsgi.input": io.BytesIO(body),
            }
        )
        status, headers, answer = call(self.moto, environ)
        kept = [(k, v) for k, v in headers if k.lower() not in ("content-type", "content-length")]
        headers = [*kept, ("Content-Type", "application/cbor"), ("Smithy-Protocol", "rpc-v2-cbor")]
        return reply(start, status, cbor2.dumps(tagged(json.loads(answer or b"{}"))), headers)

    def gateway_tags(self, backend, environ, start):
        """GetTags, TagResource and UntagResource of API Gateway: moto keeps tags, but has these operations for stages alone.

        AWS has them for all that it tags.
        https://docs.aws.amazon.com/apigateway/latest/api/API_TagResource.html
        """
        kind, key = GATEWAY_TAGS.fullmatch(environ["PATH_INFO"]).groups()
        held = {"restapis": backend.apis, "apikeys": backend.keys, "usageplans": backend.usage_plans}[kind].get(key)
        if not held:
            absent = {"__type": "NotFoundException", "message": "Invalid resource identifier specified"}
            return reply(start, "404 Not Found", json.dumps(absent).encode())
        held.tags = dict(held.tags or {})
        if environ["REQUEST_METHOD"] == "GET":
            return reply(start, "200 OK", json.dumps({"tags": held.tags}).encode())
        if environ["REQUEST_METHOD"] == "PUT":
            held.tags.update(json.loads(read(environ))["tags"])
        else:
            for name in parse_qs(environ["QUERY_STRING"]).get("tagKeys", []):
                held.tags.pop(name, None)
        return reply(start, "204 No Content", b"")


def functions_keep_their_configuration():
    """moto's functions drop LoggingConfig, and the tracing and key of an update; AWS keeps and shows all three.

    https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionConfiguration.html
    """
    make, change, show = LambdaFunction.__init__, LambdaFunction.update_configuration, LambdaFunction.get_configuration

    def made(self, account_id, spec, *args, **kwargs):
        # AWS's defaults: plain text in the function's own group.
        own = {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{spec['FunctionName']}"}
        self.logging_config = own | spec.get("LoggingConfig", {})
        make(self, account_id, spec, *args, **kwargs)

    def changed(self, updates):
        self.logging_config = self.logging_config | updates.get("LoggingConfig", {})
        self.tracing_config = updates.get("TracingConfig", self.tracing_config)
        self.kms_key_arn = updates.get("KMSKeyArn", self.kms_key_arn)
        return change(self, updates)

    def shown(self, *args, **kwargs):
        return show(self, *args, **kwargs) | {"LoggingConfig": self.logging_config}

    LambdaFunction.__init__, LambdaFunction.update_configuration, LambdaFunction.get_configuration = made, changed, shown


def queues_keep_their_attributes():
    """moto's queues do not show RedriveAllowPolicy, and lose their policy when any other attribute is set.

    AWS shows it, and changes only the attributes that a request names.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
    """
    change = Queue._set_attributes
    Queue.redrive_allow_policy = None
    Queue.BASE_ATTRIBUTES = [*Queue.BASE_ATTRIBUTES, "RedriveAllowPolicy"]

    def changed(self, attributes, now=None):
        change(self, {"Policy": getattr(self, "policy", None)} | attributes, now)

    Queue._set_attributes = changed


def usage_plans_hold_numbers():
    """A patch carries every value as text; moto keeps a quota as that text, and fails on a rate that is no whole number.

    AWS answers a quota as an integer, and a rate as a double.
    https://docs.aws.amazon.com/apigateway/latest/api/API_UpdateUsagePlan.html
    """
    change = UsagePlan.apply_patch_operations
    rate = "/throttle/rateLimit"

    def changed(self, operations):
        change(self, [operation for operation in operations if operation["path"] != rate])
        for operation in operations:
            if operation["path"] == rate:
                self.throttle["rateLimit"] = float(operation["value"])
        self.quota |= {name: int(self.quota[name]) for name in ("limit", "offset") if name in self.quota}

    UsagePlan.apply_patch_operations = changed


def log_groups_change_keys():
    """AssociateKmsKey and DisassociateKmsKey: moto keeps the key of a log group, but takes one only as it is created.

    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_AssociateKmsKey.html
    """

    def change(self):
        name = self._get_param("logGroupName")
        if name not in self.logs_backend.groups:
            raise ResourceNotFoundException()
        self.logs_backend.groups[name].kms_key_id = self._get_param("kmsKeyId")
        return ""

    LogsResponse.associate_kms_key = LogsResponse.disassociate_kms_key = change


def tables_change_keys():
    """SSESpecification of UpdateTable: moto keeps the key of a table, but takes one only as it is created.

    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTable.html
    """
    change = DynamoHandler.update_table

    def changed(self):
        answer = change(self)
        if "SSESpecification" in self.body:
            self.dynamodb_backend.get_table(self.body["TableName"]).sse_specification = self.body["SSESpecification"]
        return answer

    DynamoHandler.update_table = changed


def read(environ):
    return environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))


def call(application, environ):
    """What an application answers: status, headers, body."""
    started = []
    body = b"".join(application(environ, lambda status, headers, error=None: started.extend((status, headers))))
    return started[0], started[1], body


def reply(start, status, body, headers=(("Content-Type", "application/json"),)):
    start(status, [*headers, ("Content-Length", str(len(body)))])
    return [body]


def tagged(value):
    """The value with its timestamps as CBOR has them."""
    if isinstance(value, dict):
        return {name: stamped(name, item) for name, item in value.items()}
    if isinstance(value, list):
        return [tagged(item) for item in value]
    return value


def stamped(name, value):
    if name.endswith("Timestamp") and isinstance(value, (int, float)):
        return cbor2.CBORTag(1, value)
    return tagged(value)


if __name__ == "__main__":
    for gap in (
        functions_keep_their_configuration,
        queues_keep_their_attributes,
        usage_plans_hold_numbers,
        log_groups_change_keys,
        tables_change_keys,
    ):
        gap()
    dispatcher = server.DomainDispatcherApplication
    server.DomainDispatcherApplication = lambda create: Bridge(dispatcher(create))
    server.main()

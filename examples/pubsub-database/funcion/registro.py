"""Records each message of the topic in the table, once.

Kairos publishes at least once, and so does SNS deliver: the run's id is the table's key, and a message that comes again changes
nothing. What cannot be recorded is raised, so that Lambda tries again, and puts it in the queue of what failed in the end.
"""

import functools
import json
import logging
import os

logger = logging.getLogger()
logger.setLevel(logging.INFO)


def record(dynamodb, table, message):
    """Writes one message down; says whether it was new."""
    item = {
        "Ejecucion": {"S": message["ejecucion"]},
        "Programada": {"S": message["programada"]},
    }
    try:
        dynamodb.put_item(TableName=table, Item=item, ConditionExpression="attribute_not_exists(Ejecucion)")
    except dynamodb.exceptions.ConditionalCheckFailedException:
        logger.info("The run %s is recorded already.", message["ejecucion"])
        return False
    logger.info("The run %s is recorded.", message["ejecucion"])
    return True


@functools.cache
def dynamodb():
    """The client, made once for each instance of the function."""
    import boto3

    return boto3.client("dynamodb")


def handler(event, context):
    for notification in event["Records"]:
        record(dynamodb(), os.environ["TABLA"], json.loads(notification["Sns"]["Message"]))

"""Takes files in: hashes each one that arrives in the bucket, keeps its digest in the table, and announces what is new.

SQS and S3 deliver at least once, and a job may drop the same content again, so everything here may happen twice: the digest is
the table's key, and whoever writes it first announces it. An item says whether its announcement went out, so that an attempt
that ended between the two is made good by the next one.
"""

import functools
import hashlib
import json
import logging
import os
from urllib.parse import unquote_plus

logger = logging.getLogger()
logger.setLevel(logging.INFO)

# Files are read in pieces, so that their size does not matter to the function's memory.
PIECE = 1024 * 1024


class Ingestion:
    """The clients of S3, DynamoDB and SNS, the table's name and the topic's ARN."""

    def __init__(self, s3, dynamodb, sns, table, topic):
        self.s3, self.dynamodb, self.sns = s3, dynamodb, sns
        self.table, self.topic = table, topic

    def batch(self, event):
        """Takes a batch of messages in, and tells Lambda which of them are to come back."""
        failed = []
        for message in event["Records"]:
            try:
                self.message(json.loads(message["body"]))
            except Exception:
                # Whatever it is, the others of the batch are not held up by it; after five times it is a dead letter.
                logger.exception("The message %s is left in the queue.", message["messageId"])
                failed.append({"itemIdentifier": message["messageId"]})
        return {"batchItemFailures": failed}

    def message(self, body):
        """Takes in what one notification of S3 is about. The one by which S3 tries the queue is about nothing."""
        for record in body.get("Records", []):
            # Keys come as in a form: a space is a plus sign.
            self.file(record["s3"]["bucket"]["name"], unquote_plus(record["s3"]["object"]["key"]))

    def file(self, bucket, key):
        """Takes one file in."""
        digest, size = self.digest(bucket, key)
        if not self.claim(digest, bucket, key, size):
            logger.info("s3://%s/%s is known: %s", bucket, key, digest)
            return
        news = {"digest": digest, "bucket": bucket, "clave": key, "bytes": size}
        self.sns.publish(TopicArn=self.topic, Message=json.dumps(news, ensure_ascii=False))
        self.dynamodb.update_item(
            TableName=self.table,
            Key={"Digest": {"S": digest}},
            UpdateExpression="SET Anunciado = :si",
            ExpressionAttributeValues={":si": {"BOOL": True}},
        )
        logger.info("s3://%s/%s is new: %s", bucket, key, digest)

    def digest(self, bucket, key):
        """The SHA-256 of a file, and how many bytes it has."""
        sha, size = hashlib.sha256(), 0
        for piece in self.s3.get_object(Bucket=bucket, Key=key)["Body"].iter_chunks(PIECE):
            sha.update(piece)
            size += len(piece)
        return sha.hexdigest(), size

    def claim(self, digest, bucket, key, size):
        """Writes the digest down unless it is there; says whether it is still to be announced."""
        item = {
            "Digest": {"S": digest},
            "Bucket": {"S": bucket},
            "Clave": {"S": key},
            "Bytes": {"N": str(size)},
            "Anunciado": {"BOOL": False},
        }
        try:
            self.dynamodb.put_item(
                TableName=self.table,
                Item=item,
                ConditionExpression="attribute_not_exists(Digest)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except self.dynamodb.exceptions.ConditionalCheckFailedException as known:
            return not known.response["Item"]["Anunciado"]["BOOL"]
        return True


@functools.cache
def ingestion():
    """The clients, made once for each instance of the function."""
    import boto3

    clients = (boto3.client(service) for service in ("s3", "dynamodb", "sns"))
    return Ingestion(*clients, table=os.environ["TABLA"], topic=os.environ["TEMA"])


def handler(event, context):
    return ingestion().batch(event)

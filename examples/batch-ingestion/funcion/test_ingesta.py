"""The function against a bucket, a table and a topic in memory: `python3 -m unittest discover funcion`."""

import io
import json
import logging
import unittest
from hashlib import sha256

from ingesta import Ingestion


class Body:
    def __init__(self, data):
        self.data = io.BytesIO(data)

    def iter_chunks(self, size):
        return iter(lambda: self.data.read(size), b"")


class Bucket:
    def __init__(self, files):
        self.files = files

    def get_object(self, Bucket, Key):
        return {"Body": Body(self.files[Key])}


class Table:
    class exceptions:
        class ConditionalCheckFailedException(Exception):
            def __init__(self, item):
                super().__init__("The conditional request failed")
                self.response = {"Item": item}

    def __init__(self):
        self.items = {}

    def put_item(self, TableName, Item, ConditionExpression, ReturnValuesOnConditionCheckFailure):
        digest = Item["Digest"]["S"]
        if digest in self.items:
            raise self.exceptions.ConditionalCheckFailedException(self.items[digest])
        self.items[digest] = Item

    def update_item(self, TableName, Key, UpdateExpression, ExpressionAttributeValues):
        self.items[Key["Digest"]["S"]]["Anunciado"] = ExpressionAttributeValues[":si"]


class Topic:
    def __init__(self):
        self.sent, self.failures = [], 0

    def publish(self, TopicArn, Message):
        if self.failures:
            self.failures -= 1
            raise RuntimeError("throttled")
        self.sent.append(json.loads(Message))


def message(identifier, *keys):
    records = [{"s3": {"bucket": {"name": "b"}, "object": {"key": key}}} for key in keys]
    return {"messageId": identifier, "body": json.dumps({"Records": records})}


class IngestionTest(unittest.TestCase):
    def setUp(self):
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)
        files = {"a.csv": b"uno", "b.csv": b"dos", "copia de a.csv": b"uno", "vacío": b""}
        self.table, self.topic = Table(), Topic()
        self.ingestion = Ingestion(Bucket(files), self.table, self.topic, "t", "arn")

    def take(self, *messages):
        answer = self.ingestion.batch({"Records": list(messages)})
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def announced(self):
        return [news["clave"] for news in self.topic.sent]

    def test_each_file_is_hashed_and_announced(self):
        self.assertEqual(self.take(message("1", "a.csv"), message("2", "b.csv", "vac%C3%ADo")), [])
        self.assertEqual(self.announced(), ["a.csv", "b.csv", "vacío"])
        self.assertEqual(set(self.table.items), {sha256(data).hexdigest() for data in (b"uno", b"dos", b"")})
        item = self.table.items[sha256(b"uno").hexdigest()]
        self.assertEqual((item["Bytes"], item["Anunciado"]), ({"N": "3"}, {"BOOL": True}))

    def test_the_same_message_and_the_same_content_are_news_only_once(self):
        self.assertEqual(self.take(message("1", "a.csv"), message("1", "a.csv"), message("2", "copia+de+a.csv")), [])
        self.assertEqual(self.announced(), ["a.csv"])

    def test_only_the_message_that_failed_comes_back(self):
        self.assertEqual(self.take(message("1", "a.csv"), message("2", "nada"), message("3", "b.csv")), ["2"])
        self.assertEqual(self.take({"messageId": "4", "body": "no JSON"}), ["4"])
        self.assertEqual(self.announced(), ["a.csv", "b.csv"])

    def test_what_was_written_but_not_announced_is_announced_by_the_next_attempt(self):
        self.topic.failures = 1
        self.assertEqual(self.take(message("1", "a.csv")), ["1"])
        self.assertEqual(self.announced(), [])
        self.assertEqual(self.take(message("1", "a.csv")), [])
        self.assertEqual(self.announced(), ["a.csv"])

    def test_the_notification_by_which_s3_tries_the_queue_is_taken(self):
        self.assertEqual(self.take({"messageId": "1", "body": json.dumps({"Event": "s3:TestEvent"})}), [])


if __name__ == "__main__":
    unittest.main()

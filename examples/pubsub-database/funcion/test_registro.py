"""The function against a table in memory: `python3 -m unittest discover funcion`."""

import logging
import unittest

from registro import record


class Table:
    class exceptions:
        class ConditionalCheckFailedException(Exception):
            pass

    def __init__(self):
        self.items = {}

    def put_item(self, TableName, Item, ConditionExpression):
        key = Item["Ejecucion"]["S"]
        if key in self.items:
            raise self.exceptions.ConditionalCheckFailedException
        self.items[key] = Item


class RecordTest(unittest.TestCase):
    def setUp(self):
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)

    def test_a_message_is_recorded_once(self):
        table = Table()
        message = {"ejecucion": "r1", "programada": "2026-01-02T03:04:00.000Z"}
        self.assertEqual([record(table, "t", message) for _ in range(2)], [True, False])
        self.assertEqual(list(table.items), ["r1"])
        self.assertEqual(table.items["r1"]["Programada"], {"S": "2026-01-02T03:04:00.000Z"})

    def test_a_message_that_says_no_run_fails(self):
        with self.assertRaises(KeyError):
            record(Table(), "t", {"programada": "2026-01-02T03:04:00.000Z"})


if __name__ == "__main__":
    unittest.main()

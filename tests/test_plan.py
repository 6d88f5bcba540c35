#!/usr/bin/python3
"""thinnet plan as its user meets it: what it prints, what it refuses, and where it takes the network's shape from."""

import json
import os
import re
import unittest

from command_case import CommandTest

QUICK = ("--seconds", "0.02")
LINK = ("--bandwidth", "1gbit", "--latency", "10us")


class Plan(CommandTest):
    def plan(self, *arguments, ranks=0, status=0):
        return self.thinnet("plan", self.config, *arguments, *QUICK, ranks=ranks, status=status)

    def figures(self, *arguments, ranks=0):
        return json.loads(self.plan(*arguments, "--json", ranks=ranks).stdout)

    def test_figures_follow_from_the_times(self):
        """The model's parts, put together here once more. 5 inputs, 16 and 12 units, 3 classes."""
        found = self.figures("--ranks", "1,2,3,4", *LINK)
        self.assertEqual((found["inputs"], found["outputs"]), (5, 3))
        self.assertEqual(found["parameters"], 6 * 16 + 17 * 12 + 13 * 3)
        # Tensors on whole lines of 16 floats: 80, 16, 192, 12, 36, 3; exact: 8 bytes a value.
        self.assertEqual(found["bytes"], 8 * (80 + 16 + 192 + 16 + 48 + 16))
        self.assertEqual([time["rows"] for time in found["timed"]], [2, 8, 32])
        time = found["timed"][1]
        once = found["bytes"] / 125e6
        for row, network, hosted in zip(found["plan"], (0, 20e-6 + once, 50e-6 + 3 * once, 40e-6 + 1.5 * once), (4, 2, 2, 1)):
            step = hosted * time["batch_s"] + time["rest_s"] + network
            self.assertEqual(row["nodes"], row["ranks"])
            self.assertAlmostEqual(row["network_s"], network, delta=1e-12)
            self.assertAlmostEqual(row["step_s"], step, delta=1e-12)
            self.assertAlmostEqual(row["rows_per_second"], 32 / step, delta=1e-6 * row["rows_per_second"])
        self.assertAlmostEqual(found["plan"][0]["efficiency"], 1, delta=1e-12)

    def test_a_person_reads_the_same(self):
        text = self.plan("--ranks", "2,4,...,16", *LINK, "-s", "parallel.replicas=0", "--efficiency", "0.8").stdout
        rows = re.findall(r"(?m)^ +(\d+) +(\d+) +[\d.]+ +[\d.]+ +\d+ +[\d.]+ % +\d+$", text)
        self.assertEqual(rows, [("2", "2"), ("4", "4"), ("8", "8"), ("16", "16")])
        for words in ("339 parameters", "batch 8:", "1 Gbit/s", "10 us", "halving", "for 80 %"):
            self.assertIn(words, text)

    def test_ranks_of_a_node(self):
        found = self.figures("--ranks", "2,4", *LINK, ranks=2)
        self.assertEqual((found["ranks_timed"], found["ranks_per_node"]), (2, 2))
        self.assertEqual([row["nodes"] for row in found["plan"]], [1, 2])
        text = self.plan("--ranks", "4", *LINK, "--ranks-per-node", "4").stdout
        self.assertIn("timed with 1 rank on this node, not 4", text)

    def test_a_warning_is_given_once(self):
        """Though each batch size is a training of its own: of more threads than processors, and of a form of dropping nothing."""
        errors = self.plan("--ranks", "2", *LINK, "-s", "dropout.hidden=0", "-s", "dropout.group=2",
                           "-s", f"parallel.threads={os.cpu_count() + 1}").stderr
        self.assertEqual(errors.count("nothing is dropped"), 1, errors)
        self.assertEqual(errors.count("thinnet: warning:"), 2, errors)

    def test_algorithm(self):
        halving, ring = (self.figures("--ranks", "3", *LINK, "--algorithm", name)["plan"][0]["network_s"]
                         for name in ("halving", "ring"))
        self.assertGreater(halving, 1.5 * ring)

    def test_no_data(self):
        os.remove(self.path("rows.h5"))
        self.assertIn("rows.h5", self.plan("--ranks", "2", *LINK, status=2).stderr)
        self.assertIn("model.outputs", self.plan("--ranks", "2", *LINK, "--inputs", "9", status=2).stderr)
        found = self.figures("--ranks", "2", *LINK, "--inputs", "9", "-s", "model.outputs=4")
        self.assertEqual((found["inputs"], found["outputs"]), (9, 4))

    def test_lists_of_ranks(self):
        for text, ranks in (("7", [7]), ("1,2,...,8", [1, 2, 4, 8]), ("2,4,6,...,10", [2, 4, 6, 8, 10]),
                            ("3,5,...,9", [3, 5, 7, 9]), ("1,3,9,...,27,30", [1, 3, 9, 27, 30])):
            found = self.figures("--ranks", text, *LINK, "-s", "parallel.replicas=0")
            self.assertEqual([row["ranks"] for row in found["plan"]], ranks)
        for text in ("", "0", "2,2", "4,2", "2,,4", "2,4,", ",2", "2,...,8", "...,8", "2,4,...", "2,4,...,9", "2,4,..,8",
                     "2 4", "2,4,...,x", "1,2,3,...,9999", "99999999999"):
            self.assertIn("--ranks", self.plan("--ranks", text, *LINK, status=2).stderr, text)

    def test_refusals(self):
        for arguments, words in (((*LINK,), "--ranks is missing"),
                                 (("--ranks", "2", "--bandwidth", "1gbit"), "--latency"),
                                 (("--ranks", "2", "--latency", "1us"), "--bandwidth"),
                                 (("--ranks", "2", "--bandwidth", "10gb", "--latency", "5us"), "'10gb' is no bandwidth"),
                                 (("--ranks", "2", "--bandwidth", "1gbit", "--latency", "5"), "'5' is no time"),
                                 (("--ranks", "2", *LINK, "--efficiency", "90"), "--efficiency 90"),
                                 (("--ranks", "2", *LINK, "--algorithm", "tree"), "halving or ring"),
                                 (("--ranks", "2"), "on one node"),
                                 (("--ranks", "2", *LINK, "extra.ini"), "extra.ini"),
                                 (("--ranks", "5", *LINK), "parallel.replicas = 4")):
            self.assertIn(words, self.plan(*arguments, status=2).stderr, arguments)

    def test_one_message_under_mpirun(self):
        errors = self.plan("--ranks", "5", *LINK, ranks=2, status=2).stderr
        self.assertEqual(errors.count("parallel.replicas"), 1, errors)


if __name__ == "__main__":
    unittest.main(argv=None)

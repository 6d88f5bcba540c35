#!/usr/bin/python3
"""Tests of `thinnet import`: numpy and csv write, the command imports, h5py reads. Argument: the command."""

import csv
import gzip
import os
import struct
import subprocess
import sys
import tempfile
import unittest

import h5py
import numpy as np

COMMAND = sys.argv.pop(1) if len(sys.argv) > 1 else "build/thinnet"


def write_idx(path, array):
    codes = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}
    with (gzip.open if path.endswith(".gz") else open)(path, "wb") as file:
        file.write(struct.pack(">HBB", 0, codes[array.dtype.str[1:]], array.ndim))
        file.write(struct.pack(f">{array.ndim}I", *array.shape))
        file.write(array.astype(array.dtype.newbyteorder(">")).tobytes())


class ImportTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.random = np.random.default_rng(1)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def run_import(self, *arguments):
        return subprocess.run([COMMAND, "import", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              check=False)

    def assert_imports(self, *arguments):
        done = self.run_import(*arguments, "-o", self.path("out.h5"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr, "")
        return done.stdout

    def assert_fails(self, status, words, *arguments):
        done = self.run_import(*arguments)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        self.assertIn(words, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertFalse(os.path.exists(self.path("out.h5")))

    def assert_holds(self, name, array, dtype):
        with h5py.File(self.path("out.h5"), "r") as file:
            self.assertEqual(file[name].dtype, np.dtype(dtype))
            np.testing.assert_array_equal(file[name][:], array)

    def test_idx(self):
        images = self.random.integers(0, 256, (50, 5, 7)).astype("u1")
        labels = self.random.integers(0, 10, 50).astype("u1")
        write_idx(self.path("x.gz"), images)
        write_idx(self.path("y"), labels)
        said = self.assert_imports("idx", "--train-x", self.path("x.gz"), "--train-y", self.path("y"))
        self.assertEqual([line.split() for line in said.splitlines()[1:]],
                         [["/train/x", "50", "x", "35", "uint8"], ["/train/y", "50", "uint8"]])
        self.assert_holds("train/x", images.reshape(50, 35), "u1")
        self.assert_holds("train/y", labels, "u1")

    def test_csv(self):
        rows = self.random.normal(size=(40, 4)).round(3)
        for name, part in (("a.csv", rows[:15]), ("b.csv", rows[15:30]), ("c.csv", rows[30:])):
            with open(self.path(name), "w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file, delimiter=";", quoting=csv.QUOTE_NONNUMERIC)
                writer.writerow(["p", "the target", "q;", 'r"'])
                writer.writerows(part)
        self.assert_imports("csv", "--train", self.path("a.csv"), "--train", self.path("b.csv"), "--test",
                            self.path("c.csv"), "--delimiter", ";", "--label", "the target", "--header", "yes")
        expected = rows.astype("f4")
        self.assert_holds("train/x", np.delete(expected[:30], 1, axis=1), "f4")
        self.assert_holds("train/y", expected[:30, 1], "f4")
        self.assert_holds("test/x", np.delete(expected[30:], 1, axis=1), "f4")

    def test_csv_regression_and_no_header(self):
        self.write("a.tsv", "3\t200\n4\t100\n")
        self.assert_imports("csv", "--train", self.path("a.tsv"), "--delimiter", "tab", "--label", "-2", "--regression",
                            "--header", "no")
        self.assert_holds("train/x", [[200], [100]], "u1")
        self.assert_holds("train/y", [3, 4], "f4")

    def test_csv_names_of_classes(self):
        names = np.array(["setosa", "versicolor", "virginica", "Füllkraut"])
        labels = self.random.permutation(np.arange(60) % 4)
        rows = self.random.normal(size=(60, 3)).round(2)
        for name, part in (("train.csv", slice(0, 45)), ("test.csv", slice(45, 60))):
            with open(self.path(name), "w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file)
                writer.writerow(["a", "b", "species", "c"])
                writer.writerows([a, b, names[label], c] for (a, b, c), label in zip(rows[part], labels[part]))
                file.write("\n\n")  # empty lines at the end are nothing
        said = self.assert_imports("csv", "--train", self.path("train.csv"), "--test", self.path("test.csv"), "--label",
                                   "species")
        self.assertEqual(said.splitlines()[-1].split(), ["/class_names", "4", "string"])
        expected, classes = np.unique(names[labels], return_inverse=True)  # ASCII, but for a letter that decides nothing
        self.assert_holds("train/x", rows[:45].astype("f4"), "f4")
        self.assert_holds("train/y", classes[:45], "i8")
        self.assert_holds("test/y", classes[45:], "i8")
        with h5py.File(self.path("out.h5"), "r") as file:
            self.assertEqual(file["class_names"].asstr()[:].tolist(), expected.tolist())
        listed = subprocess.run([COMMAND, "info", self.path("out.h5")], stdin=subprocess.DEVNULL, capture_output=True,
                                text=True, check=True).stdout
        self.assertIn("/class_names: string (4)", listed)

    def test_npy(self):
        for stored, dtypes in {"u1": "?B", "i1": "b", "u2": "H", "i2": "h", "i4": "i", "i8": "IQq", "f4": "ef",
                               "f8": "d"}.items():
            for dtype in dtypes:
                for order in "<>":
                    array = (self.random.normal(size=(30, 2, 3)) * 100).astype("i8" if dtype in "BHIQ" else "f8")
                    array = np.abs(array).astype(np.dtype(dtype).newbyteorder(order))
                    np.save(self.path("x.npy"), array)
                    np.save(self.path("y.npy"), array[:, 0, :2])
                    self.assert_imports("npy", "--valid-x", self.path("x.npy"), "--valid-y", self.path("y.npy"),
                                        "--overwrite")
                    self.assert_holds("valid/x", array.reshape(30, 6), stored)
                    self.assert_holds("valid/y", array[:, 0, :2], stored)

    def test_every_npy_version(self):
        array = np.arange(12.0).reshape(4, 3)
        for version in ((1, 0), (2, 0), (3, 0)):
            with open(self.path("x.npy"), "wb") as file:
                np.lib.format.write_array(file, array, version=version)
            self.assert_imports("npy", "--train-x", self.path("x.npy"), "--overwrite")
            self.assert_holds("train/x", array, "f8")

    def test_refusals(self):
        self.write("a.csv", "a,b\n1,2\n3,x\n")
        self.write("names.csv", "a,b\n1,x\n3,y\n")
        np.save(self.path("x.npy"), np.asfortranarray(np.ones((3, 2))))
        out = ("-o", self.path("out.h5"))
        self.assert_fails(2, "thinnet: error: " + self.path("a.csv") + ": line 3, column 2 (b): 'x'", "csv", "--train",
                          self.path("a.csv"), *out)
        self.assert_fails(2, "line 2, column 2 (b): 'x', expected a number", "csv", "--train", self.path("names.csv"),
                          "--label", "b", "--regression", *out)
        self.assert_fails(2, "Fortran order", "npy", "--train-x", self.path("x.npy"), *out)
        self.assert_fails(1, "none: cannot be opened", "idx", "--train-x", self.path("none"), *out)
        self.assert_fails(2, "the format is missing")
        self.assert_fails(2, "'tsv' is no format", "tsv")
        self.assert_fails(2, "-o DATA.h5", "csv", "--train", self.path("a.csv"))
        self.assert_fails(2, "nothing to import", "csv", *out)
        self.assert_fails(2, "--test-y needs --test-x", "npy", "--test-y", self.path("x.npy"), *out)
        self.assert_fails(2, "--delimiter is one character", "csv", "--delimiter", "ab", *out)
        self.assert_fails(2, "--header is yes, no or auto", "csv", "--header", "maybe", *out)
        self.assert_fails(2, "'stray' is not expected", "csv", "stray", *out)

    def test_no_overwriting_unless_asked(self):
        np.save(self.path("x.npy"), np.ones((3, 2)))
        self.assert_imports("npy", "--train-x", self.path("x.npy"))
        done = self.run_import("npy", "--train-x", self.path("x.npy"), "-o", self.path("out.h5"))
        self.assertEqual(done.returncode, 2)
        self.assertIn("exists already: give another name, or --overwrite to replace it", done.stderr)
        self.assert_imports("npy", "--train-x", self.path("x.npy"), "--overwrite")

    def test_an_input_is_not_overwritten(self):
        images, labels = self.path("x"), self.path("y")
        write_idx(images, np.ones((3, 2, 2), "u1"))
        write_idx(labels, np.ones(3, "u1"))
        self.write("a.csv", "1,2\n")
        os.symlink(self.path("a.csv"), self.path("again.csv"))
        for output, *arguments in ((images, "idx", "--train-x", images, "--train-y", labels),
                                   (labels, "idx", "--test-x", images, "--test-y", labels),
                                   (self.path("a.csv"), "csv", "--train", self.path("again.csv"))):
            with open(output, "rb") as file:
                before = file.read()
            for overwrite in ((), ("--overwrite",)):
                self.assert_fails(2, output + ": is the file that is read (", *arguments, *overwrite, "-o", output)
            with open(output, "rb") as file:
                self.assertEqual(file.read(), before)

    def test_help(self):
        self.assertIn("idx", self.run_import("--help").stdout)
        for name in ("idx", "csv", "npy"):
            done = self.run_import(name, "--help")
            self.assertEqual(done.returncode, 0)
            for words in (f"thinnet import {name}", "--overwrite", "Example"):
                self.assertIn(words, done.stdout)


if __name__ == "__main__":
    unittest.main()

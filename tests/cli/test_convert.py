"""elbo convert: files made by NumPy, pandas and h5py come out as they were; what is wrong is refused by name."""
import gzip
import itertools
import struct
import subprocess
import unittest

import elbo_cli

if __name__ == "__main__":
    elbo_cli.need_modules("h5py", "numpy", "pandas")
import h5py
import numpy as np
import pandas as pd

random = np.random.default_rng(1)


class Converting(elbo_cli.Case):
    def convert(self, *arguments, ranks=None, out="out.h5"):
        """The output's datasets and attributes after a conversion."""
        self.last = self.elbo("convert", *arguments, out, "--force", ranks=ranks)
        with h5py.File(self.folder / out) as file:
            found = {}
            file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
            self.attributes = dict(file.attrs)
            self.names = {name: file[name].attrs.get("names") for name in found}
        return found

    def refused(self, *arguments, **options):
        """The message of a refusal that leaves nothing behind."""
        before = self.files()
        result = self.elbo("convert", *arguments, "refused.h5", expect=2, **options)
        self.assertEqual(self.files(), before, result)
        self.assertEqual(result.err.count("elbo:"), 1, result)
        return result.err

    def write(self, name, content):
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return name

    def save(self, name, array):
        np.save(self.folder / name, array)
        return name

    def same(self, found, expected):
        self.assertEqual(found.dtype, expected.dtype)
        np.testing.assert_array_equal(found, expected)


class Numpy(Converting):
    def test_every_type_order_and_byte_order(self):
        for code, order, fortran in itertools.product(("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"), "<>",
                                                      (False, True)):
            x = (random.standard_normal((37, 3, 5)) * 100).astype(order + code)
            x.flat[:2] = np.array([np.iinfo(code).min, np.iinfo(code).max] if code[0] in "ui" else [1e-30, -1e30])
            self.save("a.npy", np.asfortranarray(x) if fortran else x)
            self.same(self.convert("a.npy")["train/x"], x.astype(code))

    def test_halves_and_booleans_become_floats(self):
        every = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
        every = every[np.isfinite(every)]
        self.save("half.npy", every)
        self.same(self.convert("half.npy")["train/x"], every.astype(np.float32))
        self.save("bool.npy", np.array([[True, False], [False, True]]))
        self.same(self.convert("bool.npy")["train/x"], np.array([[1, 0], [0, 1]], np.float32))

    def test_names_say_what_an_array_is(self):
        x, y = random.integers(0, 256, (20, 4, 4), np.uint8), np.arange(20)
        for name, array in (("X_train", x), ("train-labels", y), ("x_test", x[:5]), ("test_y", y[:5])):
            self.save(name + ".npy", array)
        found = self.convert("X_train.npy", "train-labels.npy", "x_test.npy", "test_y.npy")
        self.assertEqual(sorted(found), ["test/x", "test/y", "train/x", "train/y"])
        self.same(found["train/y"], y)
        self.same(found["test/x"], x[:5])

    def test_npz(self):
        arrays = {"train_images": np.asfortranarray(random.integers(0, 256, (700, 28, 28), np.uint8)),
                  "train_labels": random.integers(0, 9, (700, 1)), "val_images": np.zeros((3, 28, 28), np.uint8),
                  "val_labels": np.ones((3, 1), int)}
        for save in (np.savez, np.savez_compressed):
            save(self.folder / "m.npz", **arrays)
            found = self.convert("m.npz")
            self.same(found["train/x"], arrays["train_images"])
            self.same(found["train/y"], arrays["train_labels"])
            self.same(found["validation/x"], arrays["val_images"])
            self.same(self.convert("m.npz:train_labels")["train/y"], arrays["train_labels"])

    def test_refusals(self):
        whole = self.save("a.npy", np.zeros((10, 4), np.float32))
        content = (self.folder / whole).read_bytes()
        self.write("cut.npy", content[:-3])
        self.assertIn("cut.npy: has 285 bytes, expected 288", self.refused("cut.npy"))
        self.write("long.npy", content + b"x")
        self.assertIn("has 289 bytes, expected 288", self.refused("long.npy"))
        self.write("other.npy", b"PK\x03\x04 something else")
        self.assertIn("is no NumPy array", self.refused("other.npy"))
        self.save("text.npy", np.array(["a", "b"]))
        self.assertIn("elements of type <U1", self.refused("text.npy"))
        self.save("number.npy", np.array(3.0))
        self.assertIn("single number", self.refused("number.npy"))
        self.save("empty.npy", np.zeros((0, 4)))
        self.assertIn("is empty", self.refused("empty.npy"))
        self.write("huge.npy", content.replace(b"(10, 4)", b"(%d, 4)" % 10**18).ljust(300))
        self.assertIn("more than any file holds", self.refused("huge.npy"))
        self.write("header.npy", content[:6] + b"\x02\x00" + struct.pack("<I", 1 << 30) + content[10:])
        self.assertIn("at most 65536", self.refused("header.npy"))
        self.save("x.npy", np.zeros((10, 4)))
        self.save("y.npy", np.zeros(9))
        self.assertIn("y.npy: has 9 rows, expected 10 as x.npy", self.refused("x.npy", "y.npy"))
        np.savez(self.folder / "m.npz", x=np.zeros((10, 4)))
        self.assertIn("holds no array z; it has x", self.refused("m.npz:z"))
        damaged = bytearray((self.folder / "m.npz").read_bytes())
        damaged[250] ^= 1
        self.write("damaged.npz", bytes(damaged))
        self.assertIn("damaged.npz: x.npy: ", self.refused("damaged.npz"))
        self.save("wide.npy", np.zeros((1, 10**8), np.uint8))
        self.assertIn("expected at most 64.0 MiB", self.refused("wide.npy"))


class Csv(Converting):
    def test_a_frame_of_pandas(self):
        frame = pd.DataFrame(random.standard_normal((500, 5)), columns=["a", "b", "c d", "e,f", 'g"h'])
        frame["kind"] = random.choice(["cat", "dog", "bird, small"], 500)
        for separator, name in ((",", "f.csv"), ("\t", "f.tsv"), (";", "g.csv"), (",", "f.csv.gz")):
            frame.to_csv(self.folder / name, index=False, sep=separator)
            found = self.convert(name, "--label-column", "kind")
            np.testing.assert_array_equal(found["train/x"], frame.drop(columns="kind").to_numpy(np.float32))
            self.assertEqual(self.names["train/y"], "0: bird, small, 1: cat, 2: dog")
            np.testing.assert_array_equal(found["train/y"], frame["kind"].astype("category").cat.codes)
        self.same(self.convert("f.csv", "--columns", "c d,a,2-2")["train/x"], frame[["c d", "a", "b"]].to_numpy(np.float32))
        self.same(self.convert("f.csv", "--columns", "a,b", "--type", "float64")["train/x"],
                  frame[["a", "b"]].to_numpy(np.float64))

    def test_images_in_a_table(self):
        images = random.integers(0, 256, (30, 4, 4), np.uint8)
        frame = pd.DataFrame(images.reshape(30, 16)).add_prefix("pixel")
        frame.insert(0, "label", np.arange(30) % 10)
        frame.to_csv(self.folder / "t.csv", index=False)
        found = self.convert("t.csv", "--label-column", "label", "--type", "uint8", "--shape", "4x4")
        self.same(found["train/x"], images)
        self.same(found["train/y"], (np.arange(30) % 10).astype(np.uint8))

    def test_headers_are_guessed_or_said(self):
        for text, option, rows in (("1,2\n3,4\n", [], 2), ("a,b\n3,4\n", [], 1), ("0,1,2\n3,4,5\n", [], 1),
                                   ("0,1,2\n3,4,5\n", ["--header", "no"], 2), ("7,8\n3,4\n", ["--header", "yes"], 1),
                                   ("\ufeffa,b\r\n\r\n3,4\r\n", [], 1)):
            self.assertEqual(len(self.convert(self.write("h.csv", text), *option)["train/x"]), rows, text)
        labels = self.convert(self.write("iris.csv", "5.1,3.5,setosa\n6.2,2.9,virginica\n"), "--label-column", "3")
        self.same(labels["train/y"], np.array([0, 1], np.uint8))

    def test_labels_take_the_type_they_need(self):
        for labels, expected in (([0, 255], np.uint8), ([-1, 5], np.int32), ([0, 1 << 40], np.int64), ([0.5, 1], np.float32)):
            frame = pd.DataFrame({"x": [1.0, 2.0], "y": labels})
            frame.to_csv(self.folder / "l.csv", index=False)
            self.same(self.convert("l.csv", "--label-column", "y")["train/y"], np.array(labels, expected))

    def test_missing_values(self):
        text = "a,b\n1,2\n,4\n5,NA\n9,9\n"
        self.write("m.csv", text)
        self.assertIn("m.csv: line 3: column a is missing; --missing zero or mean", self.refused("m.csv"))
        self.same(self.convert("m.csv", "--missing", "zero")["train/x"],
                  np.array([[1, 2], [0, 4], [5, 0], [9, 9]], np.float32))
        self.same(self.convert("m.csv", "--missing", "mean")["train/x"],
                  np.array([[1, 2], [5, 4], [5, 5], [9, 9]], np.float32))

    def test_several_files_are_one_table(self):
        self.write("a.csv", "u,v,k\n1,2,x\n3,4,z\n")
        self.write("b.csv", "u,v,k\n5,6,y\n")
        found = self.convert("a.csv", "b.csv", "--label-column", "k")
        self.same(found["train/x"], np.array([[1, 2], [3, 4], [5, 6]], np.float32))
        self.same(found["train/y"], np.array([0, 2, 1], np.uint8))
        self.write("c.csv", "u,w,k\n5,6,y\n")
        self.assertIn("c.csv: line 1: column 2 is w, expected v", self.refused("a.csv", "c.csv"))

    def test_damaged_rows_name_their_line(self):
        self.write("r.csv", 'a,b\n1,2\n"3\n\n",4\n5\n6,x\n7,8,9\n1e39,1\n8,9\n')
        self.assertIn('r.csv: line 3: column a is "3??", expected a number', self.refused("r.csv"))
        self.write("words.csv", "a,b,kind\n1,2,cat\n3,4,dog\n")
        self.assertIn("expected a number; if that is the label: --label-column kind", self.refused("words.csv"))
        found = self.convert("r.csv", "--skip-bad")
        self.same(found["train/x"], np.array([[1, 2], [8, 9]], np.float32))
        for words in ("line 6: 1 fields, expected 2", 'line 7: column b is "x"', "line 8: 3 fields",
                      'line 9: column a is "1e39", expected a smaller number', "left out 5 damaged items"):
            self.assertIn(words, self.last.err)
        self.assertEqual(self.attributes["skipped"], "5")

    def test_refusals(self):
        self.assertIn("a quoted field has no end", self.refused(self.write("q.csv", 'a,b\n1,"2\n')))
        self.assertIn("is empty", self.refused(self.write("e.csv", "")))
        self.assertIn("no row of data", self.refused(self.write("h.csv", "a,b\n")))
        self.assertIn("is empty", self.refused(self.write("m.csv", b"\xef\xbb\xbf")))
        self.assertIn("UTF-16", self.refused(self.write("u.csv", "a,b\n1,2\n".encode("utf-16"))))
        self.write("t.csv", "age,size,kind\n1,2,3\n")
        self.assertIn("did you mean kind?", self.refused("t.csv", "--label-column", "kimd"))
        self.assertIn("no such column", self.refused("t.csv", "--columns", "1-4"))
        self.assertIn("--missing some: expected one of error, zero, mean", self.refused("t.csv", "--missing", "some"))
        self.assertIn("expected 3 numbers", self.refused("t.csv", "--shape", "2x2"))
        self.assertIn("means nothing to the format csv, it is for sprites", self.refused("t.csv", "--size", "8"))
        self.assertIn("within 16.0 MiB", self.refused(self.write("l.csv", '1,2\n"' + "3,4\n" * (5 << 20))))
        self.write("g.csv.gz", gzip.compress(b"1,2\n" * 5000)[:-9])
        self.assertIn("gzip stream is damaged", self.refused("g.csv.gz"))


class Others(Converting):
    def test_cifar(self):
        def record(labels, image):
            return bytes(labels) + image.transpose(2, 0, 1).tobytes()

        images = random.integers(0, 256, (7, 32, 32, 3), np.uint8)
        folder = self.folder / "cifar"
        folder.mkdir()
        for name, part in (("data_batch_1.bin", images[:2]), ("data_batch_2.bin", images[2:5]), ("test_batch.bin", images[5:])):
            (folder / name).write_bytes(b"".join(record([i], image) for i, image in enumerate(part)))
        (folder / "batches.meta.txt").write_text("\n".join(f"class{i}" for i in range(10)) + "\n\n")
        found = self.convert("cifar")
        self.same(found["train/x"], images[:5])
        self.same(found["train/y"], np.array([0, 1, 0, 1, 2], np.uint8))
        self.same(found["test/x"], images[5:])
        self.assertTrue(self.names["test/y"].startswith("0: class0, 1: class1"))
        self.same(self.convert("cifar/test_batch.bin")["test/x"], images[5:])
        (folder / "data_batch_2.bin").write_bytes(record([3], images[0]) + record([10], images[1]) + record([4], images[2]))
        self.assertIn("data_batch_2.bin: row 1: has label 10, expected one of 10 classes", self.refused("cifar"))
        self.same(self.convert("cifar", "--skip-bad")["train/x"], images[[0, 1, 0, 2]])
        (folder / "data_batch_2.bin").write_bytes(bytes(3000))
        self.assertIn("has 3000 bytes, expected a multiple of 3073", self.refused("cifar"))
        (self.folder / "train.bin").write_bytes(record([19, 99], images[0]) + record([2, 7], images[1]))
        found = self.convert("train.bin")
        self.same(found["train/y"], np.array([99, 7], np.uint8))
        self.same(found["train/coarse"], np.array([19, 2], np.uint8))

    def test_raw(self):
        x = random.standard_normal((50, 3, 4))
        self.write("a.bin", x[:20].tobytes())
        self.write("b.bin", x[20:].tobytes())
        raw = ("--from", "raw", "--shape", "3x4", "--type")
        self.same(self.convert("a.bin", "b.bin", *raw, "float64")["train/x"], x)
        self.write("c.bin", x.astype(">i4").tobytes())
        self.same(self.convert("c.bin", *raw, "int32", "--big-endian")["train/x"], x.astype(np.int32))
        self.write("d.bin", bytes(13))
        self.assertIn("d.bin: has 13 bytes, expected a multiple of the 12", self.refused("d.bin", *raw, "uint8"))
        self.assertIn("needs --shape of a row and --type", self.refused("d.bin", "--from", "raw"))
        self.assertIn("did you mean uint8?", self.refused("d.bin", *raw, "unit8"))
        self.assertIn("--shape 3x", self.refused("d.bin", "--from", "raw", "--shape", "3x", "--type", "uint8"))

    def test_hdf5(self):
        x = random.integers(0, 60000, (300, 8, 8), np.uint16)
        with h5py.File(self.folder / "in.h5", "w") as file:
            file.create_dataset("a/images", data=x.astype(">u2"), chunks=(300, 8, 8), compression="gzip")
            file["a/labels"] = np.arange(300, dtype=np.int8)
            file["a/labels"].attrs["names"] = "0: none"
            file["stray"] = np.zeros(7)
        found = self.convert("in.h5:/a/images", "in.h5:/a/labels", "--compress", "gzip")
        self.assertEqual(sorted(found), ["train/a_images", "train/a_labels"])
        self.same(self.convert("in.h5:/a/images")["train/x"], x)
        self.assertIn("has 7 rows", self.refused("in.h5"))
        with h5py.File(self.folder / "two.h5", "w") as file:
            file["train/x"], file["train/y"], file["test/x"] = x[:200], np.arange(200), x[200:]
            file["train/y"].attrs["names"] = "0: none"
        found = self.convert("two.h5", "--stats")
        self.same(found["test/x"], x[200:])
        self.assertEqual(self.names["train/y"], "0: none")
        self.assertEqual(sorted(self.convert("out.h5", out="again.h5")), ["test/x", "train/x", "train/y"])
        with h5py.File(self.folder / "three.h5", "w") as file:
            file["train/x"] = x[:3].astype(np.float32)
        self.assertIn("expected 8 x 8 uint16 as two.h5", self.refused("two.h5:/train/x", "three.h5:/train/x"))
        self.same(self.convert("two.h5:/train/x", "two.h5:/test/x")["train/x"], x[:200])
        self.assertIn("source and output at once", self.elbo("convert", "two.h5:/train/x", "two.h5", "--force", expect=2).err)

    def test_generated_vectors_follow_their_truth(self):
        found = self.convert("gaussian-mixture", "--train", 20000, "--test", 10, "--components", 3, "--dimensions", 5)
        x, y = found["train/x"].astype(float), found["train/y"]
        for k in range(3):
            own = x[y == k]
#Means of so many samples : six standard errors.
            error = 6 * np.sqrt(found["truth/variances"][k] / len(own))
            np.testing.assert_array_less(abs(own.mean(0) - found["truth/means"][k]), error)
            np.testing.assert_allclose(own.var(0), found["truth/variances"][k], rtol=6 * np.sqrt(2 / len(own)))
            self.assertAlmostEqual(len(own) / 20000, found["truth/weights"][k], delta=6 * np.sqrt(0.25 / 20000))
        found = self.convert("ppca", "--train", 20000, "--test", 10, "--components", 2, "--dimensions", 5)
        weights, mean = found["truth/weights"], found["truth/mean"]
        noise = found["train/x"] - found["train/z"] @ weights.T - mean
        np.testing.assert_allclose(noise.var(0), found["truth/variance"][0], rtol=0.06)
        np.testing.assert_allclose(np.cov(found["train/x"].T), weights @ weights.T + found["truth/variance"] * np.eye(5),
                                   atol=0.06 * np.trace(weights @ weights.T))
        again = self.convert("ppca", "--train", 3, "--test", 10, "--components", 2, "--dimensions", 5)
        self.same(again["train/x"], found["train/x"][:3])
        self.assertIn("--components 0", self.refused("ppca", "--components", 0))


class Recognition(Converting):
    """Files are what is in them, whatever they are called."""

    def recognised(self, content, expected, *arguments):
        """What an unknown name and misleading ones give."""
        for name in ("mystery", "x.npy", "x.npz", "x.csv", "x.zip", "x-idx3-ubyte", "train.bin"):
            self.write(name, content)
            found = self.convert(name, *arguments)
            self.assertEqual(self.attributes["format"], expected, name)
            (self.folder / name).unlink()
        return found

    def saved(self, save, *arrays, **named):
        save(self.folder / "saved", *arrays, **named)
        [path] = self.folder.glob("saved*")
        content = path.read_bytes()
        path.unlink()
        return content

    def test_every_kind_by_its_content(self):
        x = random.integers(0, 256, (6, 4, 5), np.uint8)
        self.same(self.recognised(self.saved(np.save, x), "npy")["train/x"], x)
        for save in (np.savez, np.savez_compressed):
            self.same(self.recognised(self.saved(save, x=x), "npz")["train/x"], x)
        idx = bytes([0, 0, 8, 3]) + struct.pack(">3I", *x.shape) + x.tobytes()
        table = "a;b;c\n1;2;u\n3;4;v\n"
        for packed in (bytes, gzip.compress):
            self.same(self.recognised(packed(idx), "idx")["train/x"], x)
            found = self.recognised(packed(table.encode()), "csv", "--label-column", "c")
            self.same(found["train/x"], np.array([[1, 2], [3, 4]], np.float32))
            self.same(found["train/y"], np.array([0, 1], np.uint8))
        with h5py.File(self.folder / "saved", "w") as file:
            file["x"] = x
        self.same(self.recognised((self.folder / "saved").read_bytes(), "hdf5")["train/x"], x)

    def test_an_array_of_an_unnamed_npz(self):
        self.write("mystery", self.saved(np.savez, a=np.arange(5), b=np.arange(6.0)))
        self.same(self.convert("mystery:b")["train/x"], np.arange(6.0))

    def test_what_is_nothing_known(self):
        for content in ("some words\nand more\n", "Dear all, hello\nyours, sincerely\n", "", "1,2\n3\n", bytes(1000),
                        gzip.compress(b"no table"), b"PK\x03\x04 no archive", b"\x93NUMPX\x01\x00", "1 2 3\n4 5 6\n"):
            message = self.refused(self.write("mystery", content))
            self.assertIn("mystery: is in no format known to elbo (known: idx, ", message)
            self.assertIn("--from names one", message)

    def test_a_name_says_what_is_wrong_with_a_file_that_is_nothing(self):
        for name, words in (("x.npy", "is no NumPy array"), ("x.npz", "is no zip archive"), ("x.zip", "cannot be read as an archive"),
                            ("x-idx3-ubyte", "expected an IDX file's"), ("x.csv", 'is "upon", expected a number')):
            self.assertIn(words, self.refused(self.write(name, "PK once\nupon\n")), name)


class Options(Converting):
    def setUp(self):
        super().setUp()
        self.x = random.integers(0, 256, (1000, 5, 5), np.uint8)
        self.y = np.arange(1000, dtype=np.int32)
        self.save("x.npy", self.x)
        self.save("y.npy", self.y)

    def test_splits_are_exact_and_keep_the_order(self):
        found = self.convert("x.npy", "y.npy", "--split", "train=0.7,validation=0.2,test=0.1")
        sizes = {name: len(found[f"{name}/y"]) for name in ("train", "validation", "test")}
        self.assertEqual(sizes, {"train": 700, "validation": 200, "test": 100})
        taken = np.concatenate([found[f"{name}/y"] for name in sizes])
        np.testing.assert_array_equal(np.sort(taken), self.y)
        for name in sizes:
            self.assertTrue((np.diff(found[f"{name}/y"]) > 0).all())
            np.testing.assert_array_equal(found[f"{name}/x"], self.x[found[f"{name}/y"]])
#As many of the first half in the tenth as chance gives : 50, standard deviation 4.7.
        self.assertLess(abs((found["test/y"] < 500).sum() - 50), 6 * 4.7)
        again = self.convert("x.npy", "y.npy", "--split", "train=0.7,validation=0.2,test=0.1", "--seed", 2)
        self.assertFalse(np.array_equal(again["test/y"], found["test/y"]))
        self.assertEqual(self.attributes["split_seed"], "2")

    def test_shuffled_items_are_the_same_items(self):
        found = self.convert("x.npy", "y.npy", "--shuffle-seed", 3, "--compress", "gzip")
        np.testing.assert_array_equal(np.sort(found["train/y"]), self.y)
        self.assertGreater((np.diff(found["train/y"]) < 0).sum(), 400)
        np.testing.assert_array_equal(found["train/x"], self.x[found["train/y"]])
        self.assertEqual(self.attributes["shuffle_seed"], "3")

    def test_types_keep_values_or_are_refused(self):
        self.same(self.convert("x.npy", "--type", "float32", "--limit", 10)["train/x"], self.x[:10].astype(np.float32))
        self.save("f.npy", np.array([[1.0, 2.0], [3.5, 4.0], [256.0, 0.0], [np.nan, 0], [255.0, 0]]))
        self.assertIn("item 1: 3.5 is no uint8; --skip-bad", self.refused("f.npy", "--type", "uint8"))
        found = self.convert("f.npy", "--type", "uint8", "--skip-bad")
        self.same(found["train/x"], np.array([[1, 2], [255, 0]], np.uint8))
        self.save("g.npy", np.array([[1e39]]))
        self.assertIn("is no float32", self.refused("g.npy", "--type", "float32"))

    def test_statistics(self):
        x = random.standard_normal((3000, 40, 9)) * 7 + 1000
        self.save("s.npy", x)
        found = self.convert("s.npy", "--stats")
        for name, expected in (("mean", x.mean(0)), ("variance", x.var(0)), ("min", x.min(0)), ("max", x.max(0))):
            np.testing.assert_allclose(found[f"stats/train/x/{name}"], expected, rtol=1e-12)

    def test_statistics_are_those_of_finite_values(self):
        x = random.standard_normal((1000, 4))
        x[3, 0], x[5:7, 1], x[:, 2] = np.nan, np.inf, np.nan
        np.savez(self.folder / "s.npz", y=np.arange(1000, dtype=np.uint8), x=x)
        found = self.convert("s.npz", "--stats")
        self.same(found["train/x"], x)
        finite = np.where(np.isfinite(x), x, np.nan)[:, [0, 1, 3]]
        for name, expected in (("mean", np.nanmean(finite, 0)), ("variance", np.nanvar(finite, 0)),
                               ("min", np.nanmin(finite, 0)), ("max", np.nanmax(finite, 0))):
            np.testing.assert_allclose(found[f"stats/train/x/{name}"][[0, 1, 3]], expected, rtol=1e-12)
            self.assertTrue(np.isnan(found[f"stats/train/x/{name}"][2]), name)
        with h5py.File(self.folder / "out.h5") as file:
            self.assertEqual(file["stats/train/x"].attrs["not_finite"], "1003")

    def test_where_it_is_from(self):
        self.convert("x.npy", "y.npy", "--limit", 900, "--split", "train=0.5,test=0.5")
        self.assertEqual(self.attributes["source"], "x.npy y.npy")
        self.assertEqual(self.attributes["format"], "npy")
        self.assertEqual(self.attributes["options"], "--split train=0.5,test=0.5 --limit 900")
        first = self.attributes["checksum"]
        self.convert("x.npy", "y.npy", "--limit", 900, "--shuffle-seed", 1)
        self.assertEqual(self.attributes["checksum"], first)
        self.convert("x.npy", "y.npy", "--limit", 901)
        self.assertNotEqual(self.attributes["checksum"], first)

    def test_refusals(self):
        for text, words in (("train=0.9", "add up to 0.9"), ("train", "is no NAME=FRACTION"), ("a=0.5,a=0.5", "twice"),
                            ("train=1.5", "no fraction"), ("a/b=1", "no name of letters"), ("a=0.9999,b=0.0001", "none")):
            self.assertIn(words, self.refused("x.npy", "--split", text))
        self.assertIn("convert them one by one", self.refused("x.npy", self.write("a.csv", "1,2\n")))
        self.assertIn("expected SOURCE... OUT.h5", self.elbo("convert", "x.npy", expect=2).err)
        self.assertIn("expected one of none, gzip", self.refused("x.npy", "--compress", "lzma"))
        self.assertIn("x.npy: train has no item", self.refused("x.npy", "--limit", 0))


class Ranks(Converting):
    """The work is divided, and the output is the same."""

    def test_the_same_contents_on_1_to_4_ranks(self):
        self.save("x.npy", np.asfortranarray(random.integers(0, 256, (5000, 28, 28), np.uint8)))
        x, y = random.standard_normal((3000, 200)), np.arange(3000, dtype=np.uint8)
        np.savez(self.folder / "m.npz", y_train=y, x_train=x, x_test=x[:700], y_test=y[:700])
        np.savez_compressed(self.folder / "bool.npz", x=random.random((50000, 100)) < 0.1)
        idx = bytes([0, 0, 8, 2]) + struct.pack(">2I", 30000, 100) + random.bytes(3000000)
        self.write("packed.gz", gzip.compress(idx, 1))
        pd.DataFrame(random.standard_normal((4000, 30))).to_csv(self.folder / "t.csv", index=False)
        bad = random.standard_normal((200000, 3))
        bad[[5, 70000, 199999]] = 1e300
        self.save("bad.npy", bad)
        for arguments in (["sprites", "--train", 3000, "--test", 100, "--size", 32],
                          ["x.npy", "--split", "train=0.9,validation=0.1", "--stats", "--shuffle-seed", 2],
                          ["m.npz", "--stats"], ["t.csv", "--split", "train=0.5,test=0.5"],
                          ["bool.npz", "--type", "uint8", "--compress", "gzip"], ["packed.gz", "--limit", 25000],
                          ["bad.npy", "--type", "float32", "--skip-bad", "--stats"]):
            self.elbo("convert", *arguments, "one.h5", "--force")
            for ranks in (1, 2, 3, 4):
                result = self.elbo("convert", *arguments, "many.h5", "--force", ranks=ranks)
                self.assertEqual(result.out.count("wrote many.h5"), 1, result)
                subprocess.run(["h5diff", "one.h5", "many.h5"], cwd=self.folder, check=True)
                self.assertEqual((self.folder / "one.h5").read_bytes(), (self.folder / "many.h5").read_bytes())

    def test_one_message_whatever_the_number_of_ranks(self):
        values = random.standard_normal((200000, 3))
        values[[60000, 70000, 150000]] = 1e300
        self.save("bad.npy", values)
        np.savez(self.folder / "bad.npz", x=values)
        for ranks in (None, 1, 2, 3, 4):
            self.assertIn("item 60000: 1e+300 is no float32", self.refused("bad.npz", "--type", "float32", ranks=ranks))
            self.assertIn("item 60000: 1e+300 is no float32", self.refused("bad.npy", "--type", "float32", ranks=ranks))
            self.assertIn("nowhere.npy", self.refused("nowhere.npy", ranks=ranks))
            self.assertIn("would be called test", self.refused("sprites", "--split", "train=0.5,test=0.5", ranks=ranks))

    def test_copies_that_mpi_does_not_know_of_are_refused(self):
        result = self.elbo("convert", "sprites", "out.h5", env={"SLURM_NTASKS": 4, "SLURM_PROCID": 0}, expect=2)
        self.assertIn("mpirun", result.err)
        self.assertEqual(self.files(), [])


class ManyFiles(Converting):
    def test_more_sources_than_a_process_may_open(self):
        x = random.integers(0, 256, (200, 3, 32, 32, 3), np.uint8)
        for number, images in enumerate(x):
            (self.folder / f"{number:03}").mkdir()
            self.save(f"{number:03}/x.npy", images)
            self.write(f"{number:03}.raw", images.tobytes())
            self.write(f"data_batch_{number:03}.bin", b"".join(b"\7" + image.transpose(2, 0, 1).tobytes() for image in images))
        for pattern, options in (("*/x.npy", ""), ("*.raw", "--from raw --shape 32x32x3 --type uint8"), ("data_batch_*.bin", "")):
            command = " ".join(elbo_cli.command_line(["convert"]))
            result = subprocess.run(f"ulimit -n 64; {command} {pattern} out.h5 --force {options}", shell=True, check=False,
                                    cwd=self.folder, env=elbo_cli.environment(), capture_output=True, encoding="utf-8")
            self.assertEqual(result.returncode, 0, result)
            with h5py.File(self.folder / "out.h5") as file:
                self.same(file["train/x"][()], x.reshape(600, 32, 32, 3))


class Memory(Converting):
    def test_it_stays_bounded(self):
        """1 GiB of float64, with all that takes memory; in 256 MiB."""
        if elbo_cli.SANITIZED:
            self.skipTest("a sanitizer's own memory counts")
        rows = np.lib.format.open_memmap(self.folder / "big.npy", mode="w+", dtype=np.float64, shape=(1 << 18, 512))
        rows[::1000] = 1
        del rows
        command = elbo_cli.command_line(["convert", "big.npy", "big.h5", "--type", "float32", "--shuffle-seed", 1, "--stats"])
        script = ("import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True);"
                  "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)")
        finished = subprocess.run(["/usr/bin/env", "python3", "-c", script, *command], cwd=self.folder, capture_output=True,
                                  env=elbo_cli.environment(), encoding="utf-8", check=True)
        self.assertLess(int(finished.stdout.split()[-1]), 256 << 10)


if __name__ == "__main__":
    unittest.main()

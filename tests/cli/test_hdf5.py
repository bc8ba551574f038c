"""HDF5 files as users have them, made by h5py: every type, layout and filter, records, several files as one, files that refer
to others; what is refused, and what inspect says of each."""
import os
import pathlib
import re
import resource
import subprocess
import unittest

import elbo_cli

PYTHON = elbo_cli.python_with("h5py", "numpy")
PREFACE = "import h5py, numpy\nnumpy.random.seed(1)\n"

CONFIGURATION = """\
output: runs/small
data: {train: "x.h5:/x"}
model: {latent: 2, encoder: [{dense: 8}], decoder: [{dense: 8}], likelihood: gaussian}
training: {epochs: 2, batch: 16}
report: {pictures: 0}
"""


@unittest.skipIf(PYTHON is None, "no Python with h5py (Debian: python3-h5py)")
class Hdf5(elbo_cli.Case):
    def make(self, code):
        """Runs Python with h5py and numpy in self.folder."""
        finished = subprocess.run([PYTHON, "-c", PREFACE + code], cwd=self.folder, capture_output=True, encoding="utf-8",
                                  check=False)
        self.assertEqual(finished.returncode, 0, finished.stderr)
        return finished.stdout

    def inspect(self, *arguments, **options):
        return self.elbo("inspect", *arguments, **options).out

    def refused(self, *arguments, **options):
        """What elbo says of input that it refuses."""
        return self.elbo(*arguments, expect=2, **options).err

    def train(self, output, *overrides, **options):
        """The figures of a short training."""
        (self.folder / "small.yaml").write_text(CONFIGURATION, encoding="utf-8")
        self.elbo("train", "small.yaml", f"output=runs/{output}", *overrides, **options)
        return elbo_cli.figures(self.folder / "runs" / output)

    def of(self, out, name):
        """The lines of inspect's output that describe a dataset."""
        return re.search(rf"^{re.escape(name)}\n((?:  .*\n)+)", out, re.MULTILINE)[1]


class Types(Hdf5):
    def test_every_type_reads_as_its_numbers(self):
        said = self.make("""
numbers = numpy.arange(60).reshape(20, 3)
with h5py.File("types.h5", "w") as file:
    for order in "<>":
        for kind in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"):
            file[f"{kind}{'le' if order == '<' else 'be'}"] = (numbers - 30 * (kind[0] != "u")).astype(order + kind)
    file["bool"] = numbers % 2 == 1
    file.create_dataset("enum", data=numbers % 3, dtype=h5py.enum_dtype({"RED": 0, "GREEN": 1, "BLUE": 2}, basetype="u1"))
    for name in sorted(file):
        values = file[name][()].astype(float)
        print("/" + name, f"{values.min():.6g} {values.max():.6g} {values.mean():.6g} {values.std():.6g}")
""")
        self.assertEqual(len(said.splitlines()), 24)
        self.assertIn("4 more datasets; name one: elbo inspect types.h5:/DATASET", self.inspect("types.h5"))
        out = "".join(self.inspect(f"types.h5:{line.split()[0]}", "--stats") for line in said.splitlines())
        for line in said.splitlines():
            name, least, greatest, mean, deviation = line.split()
            found = self.of(out, name)
            self.assertRegex(found, rf"range +{least} to {greatest}\n", line)
            self.assertRegex(found, rf"mean +{mean}, standard deviation {deviation}\n", line)
        self.assertRegex(self.of(out, "/i4be"), r"type +int32, big-endian\n")
        self.assertRegex(self.of(out, "/f2le"), r"type +float16\n")
        self.assertRegex(self.of(out, "/enum"), r"type +enumeration of uint8\n")
        self.assertRegex(self.of(out, "/bool"), r"type +boolean\n")

    def test_records_by_field(self):
        said = self.make("""
inner = numpy.dtype([("height", ">f4"), ("width", "u2")])
records = numpy.zeros(50, [("label", "u1"), ("image", "<f8", (4, 5)), ("size", inner), ("name", "S8")])
records["image"] = numpy.random.rand(50, 4, 5)
records["size"]["height"] = numpy.arange(50)
with h5py.File("records.h5", "w") as file:
    file.create_dataset("table", data=records, chunks=(7,), compression="gzip", shuffle=True)
    file["table.x"] = numpy.ones((3, 2))  # a name with a dot of its own
    file["plain"] = records["image"]
print(f"{records['image'].mean():.6g}")
""")
        out = self.inspect("records.h5", "--stats")
        self.assertIn("records of label: uint8, image: 4 x 5 float64", re.sub(r"\s+", " ", out))
        self.assertRegex(self.of(out, "/table.image"), r"shape +50 x 4 x 5\n")
        self.assertIn(f"mean     {said.strip()},", self.of(out, "/table.image"))
        self.assertRegex(self.of(out, "/table.size.height"), r"range +0 to 49\n")
        self.assertIn("holds text", self.of(out, "/table.name"))
        self.assertRegex(self.of(self.inspect("records.h5:/table.x"), "/table.x"), r"shape +3 x 2\n")
        same = [self.train(name, f"data.train=records.h5:{path}") for name, path in (("a", "/table.image"), ("b", "/plain"))]
        self.assertEqual(same[0], same[1])

        wrong = self.refused("inspect", "records.h5:/table.imge")
        self.assertIn("no field imge", wrong)
        self.assertIn("did you mean image?", wrong)
        self.assertIn("name a field", self.refused("inspect", "records.h5:/table"))

    def test_booleans_train_as_zeros_and_ones(self):
        self.make("""
x = numpy.random.rand(60, 4, 3) < 0.3
with h5py.File("x.h5", "w") as file:
    file["x"], file["numbers"] = x, x.astype("f4")
""")
        out = self.inspect("x.h5")
        self.assertIn("\n  x  60 x 4 x 3 boolean\n", out)
        self.assertRegex(self.of(out, "/x"), r"type +boolean\n")
        self.assertRegex(self.of(out, "/x"), r"range +0 to 1\n")
        same = [self.train(name, f"data.train=x.h5:/{name}", "model.likelihood=bernoulli") for name in ("x", "numbers")]
        self.assertEqual(same[0], same[1])

    def test_not_a_number_is_named_with_file_and_row(self):
        self.make("""
for part in (1, 2):
    x = numpy.random.rand(30, 4)
    if part == 2: x[17, 3] = numpy.nan
    h5py.File(f"part-{part}.h5", "w")["x"] = x
""")
        self.assertRegex(self.of(self.inspect("part-2.h5"), "/x"), r"1 values are not finite, the first in row\s+17")
        (self.folder / "small.yaml").write_text(CONFIGURATION, encoding="utf-8")
        self.assertIn("row 17", self.refused("train", "small.yaml", "data.train=part-2.h5:/x"))


class Layouts(Hdf5):
    def test_layouts_and_filters_train_alike(self):
        self.make("""
x = numpy.random.rand(101, 6, 5).astype("f4")
with h5py.File("x.h5", "w") as file:
    file["contiguous"] = x
    for name, options in {
        "rows": dict(chunks=(10, 6, 5)), "one": dict(chunks=(101, 6, 5), compression="gzip"), "single": dict(chunks=(1, 6, 5)),
        "across": dict(chunks=(13, 4, 2), compression="gzip", compression_opts=9), "shuffled": dict(compression="gzip", shuffle=True),
        "checked": dict(chunks=(7, 6, 5), fletcher32=True), "grown": dict(chunks=(64, 8, 8), maxshape=(None, None, None)),
        "szip": dict(chunks=(16, 6, 5), compression="szip") if h5py.h5z.filter_avail(h5py.h5z.FILTER_SZIP) else dict(),
    }.items():
        file.create_dataset(name, data=x, **options)
    layout = h5py.VirtualLayout((101, 6, 5), "f4")
    layout[:60] = h5py.VirtualSource(file["rows"])[:60]
    layout[60:] = h5py.VirtualSource(file["contiguous"])[60:]
    file.create_virtual_dataset("virtual", layout)
    file.create_dataset("raw", (101, 6, 5), "f4", external=[("raw.bin", 0, x.nbytes)])
x.tofile("raw.bin")
""")
        usual = self.train("contiguous", "data.train=x.h5:/contiguous")
        for name in ("rows", "one", "single", "across", "shuffled", "checked", "grown", "szip", "virtual", "raw"):
            self.assertEqual(self.train(name, f"data.train=x.h5:/{name}"), usual, name)

    def test_inspect_says_what_layouts_mean(self):
        self.make("""
x = numpy.random.randint(0, 255, (600, 400, 400), "u1")
with h5py.File("x.h5", "w") as file:
    file.create_dataset("one", data=x, chunks=x.shape, compression="gzip", compression_opts=1)
    file.create_dataset("single", data=x.reshape(30000, 80, 40)[:6000], chunks=(1, 80, 40))
    file.create_dataset("across", data=x[:, :200, :200], chunks=(100, 50, 200), compression="gzip", compression_opts=1)
    file.create_dataset("small", data=x[:, :8, :8], chunks=(1, 8, 8))
    file.create_dataset("rows", data=x[:, :8, :8], chunks=(64, 8, 8), compression="gzip", compression_opts=3, shuffle=True)
    file["binary"] = x[:, :8, :8] % 2
    file.create_dataset("plain", data=x[:, :8, :8], chunks=(64, 8, 8))
""")
        out = self.inspect("x.h5")
        flat = {name: re.sub(r"\s+", " ", self.of(out, "/" + name)) for name in ("one", "single", "across", "small", "rows", "binary", "plain")}
        self.assertIn("one chunk holds the whole file, 91.6 MiB to unpack", flat["one"])
        self.assertIn("a chunk a sample: 6,000 chunks of 3.12 KiB", flat["single"])
        self.assertIn("a chunk a sample: 600 chunks of 64 B", flat["small"])
        self.assertIn("a sample lies in 4 chunks of 100 samples each", flat["across"])
        self.assertIn("a chunk holds 64 samples, whole ones, 4.00 KiB to unpack", flat["rows"])
        self.assertIn("64 x 8 x 8, 4.00 KiB each, shuffle, gzip 3", flat["rows"])
        self.assertIn("one after the other", flat["binary"])
        self.assertIn("data.scale: 1 makes it 1", flat["binary"])
        for name in flat:
            self.assertEqual("elbo convert x.h5 x-rows.h5" in flat[name], name in ("one", "single", "across"), flat[name])
        for line in out.splitlines():
            self.assertLessEqual(len(line), 80, line)
        # Training says the same at its start.
        (self.folder / "small.yaml").write_text(CONFIGURATION, encoding="utf-8")
        for name in ("single", "small"):
            said = self.elbo("train", "small.yaml", f"output=runs/{name}", f"data.train=x.h5:/{name}", "training.epochs=1")
            words = "each a read of its own; `elbo convert x.h5 x-rows.h5` stores it in chunks of about 1 MiB"
            self.assertEqual(words in re.sub(r"\s+", " ", said.err), name == "single", said)

    def test_a_filter_that_is_missing_is_named(self):
        self.make("""
with h5py.File("x.h5", "w") as file:
    file.create_dataset("x", data=numpy.random.rand(50, 8), compression="lzf")
""")
        if "lzf" not in self.inspect("x.h5") or "problem" not in self.inspect("x.h5"):
            self.skipTest("this HDF5 has lzf")
        message = self.refused("inspect", "x.h5:/x")
        for words in ("lzf (32000)", "h5repack", "HDF5_PLUGIN_PATH", "data.allow_external"):
            self.assertIn(words, message)

    def test_hostile_sizes_are_refused_before_memory(self):
        self.make("""
with h5py.File("x.h5", "w") as file:
    sparse = file.create_dataset("sparse", (1 << 40, 1 << 20), "u1", chunks=(1, 1 << 20), compression="gzip")
    sparse[0] = 1
    chunk = file.create_dataset("chunk", (10, 10), "u1", chunks=(1 << 15, 1 << 16), maxshape=(None, None), compression="gzip")
    chunk.id.write_direct_chunk((0, 0), bytes(100))
    file.create_dataset("never", (1000, 1000), "f8")
""")
        for name, words in (("sparse", "is the file damaged?"), ("never", "never written"),
                            ("chunk", "claims chunks of 32768 x 65536 elements, but 100 bytes are stored")):
            self.assertIn(words, self.refused("inspect", f"x.h5:/{name}"))


class Files(Hdf5):
    def setUp(self):
        super().setUp()
        self.make("""
x = numpy.random.rand(130, 3, 2).astype("f4")
for number, rows in ((1, x[:40]), (2, x[40:41]), (10, x[41:100]), (11, x[100:])):
    h5py.File(f"part-{number}.h5", "w")["images"] = rows
h5py.File("whole.h5", "w")["images"] = x
h5py.File("other.h5", "w")["images"] = x[:, :2]
h5py.File("wider.h5", "w")["images"] = x.astype("f8")
""")

    def test_several_files_are_one_dataset(self):
        whole = self.train("whole", "data.train=whole.h5:/images")
        self.assertEqual(self.train("pattern", "data.train='part-*.h5:/images'"), whole)
        self.assertEqual(self.train("list", "data.train=[part-1.h5:/images, part-2.h5, 'part-1[01].h5']"), whole)
        resolved = (self.folder / "runs/list/configuration.yaml").read_text(encoding="utf-8")
        self.assertRegex(resolved, r'train: \[part-1.h5:/images, part-2.h5, "?part-1\[01\].h5"?\]')
        # The run goes on with the same data under another name, and not with other data.
        self.elbo("train", "small.yaml", "output=runs/list", "data.train=whole.h5", "training.epochs=3")
        self.assertIn("fingerprint", self.refused("train", "small.yaml", "output=runs/list", "data.train=part-1.h5",
                                                  "training.epochs=4"))

    def test_validation_too(self):
        out = self.elbo("train", self.written(), "data.train='part-1*.h5:/images'",
                        "data.validation=[part-10.h5, part-11.h5]").out
        self.assertIn("part-10.h5, part-11.h5:/images, 89 samples of 3 x 2 float32", out)

    def written(self):
        (self.folder / "small.yaml").write_text(CONFIGURATION, encoding="utf-8")
        return "small.yaml"

    def test_inspect_says_whether_they_fit(self):
        out = self.inspect("part-10.h5", "part-2.h5")
        self.assertIn("They fit together: 60 samples of 3 x 2 float32.", out)
        out = self.inspect("part-*.h5")
        self.assertLess(out.index("part-2.h5:/images"), out.index("part-10.h5:/images"))
        self.assertIn("130 samples", out)
        for name, words in (("other.h5", "samples of 2 x 2 float32"), ("wider.h5", "samples of 3 x 2 float64")):
            message = self.refused("inspect", "part-1.h5", name)
            self.assertIn(words, message)
            self.assertIn("but those of part-1.h5:/images are 3 x 2 float32", message)

    def test_refusals(self):
        config = self.written()
        self.assertIn("no file matches none-*.h5", self.refused("train", config, "data.train='none-*.h5:/x'"))
        self.assertIn("comes twice", self.refused("train", config, "data.train=[part-1.h5, './part-*.h5']"))
        self.assertIn("none.h5: no such file", self.refused("train", config, "data.train=[part-1.h5, none.h5]"))
        self.assertIn("expected a path, or a list of paths", self.refused("train", config, "data.train=[part-1.h5, [x]]"))
        self.assertIn("files that are joined must hold samples of one shape",
                      self.refused("train", config, "data.train=[part-1.h5, other.h5]"))

    def test_many_files_need_few_handles(self):
        self.make("""
import os
os.mkdir("many")
for i in range(300): h5py.File(f"many/{i}.h5", "w")["x"] = numpy.full((3, 2), i, "i4")
""")
        command = elbo_cli.command_line(["inspect", "many/*.h5", "--stats"])
        finished = subprocess.run(command, cwd=self.folder, capture_output=True, encoding="utf-8", check=False,
                                  env=elbo_cli.environment(),
                                  preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (48, 48)))
        self.assertEqual(finished.returncode, 0, finished.stderr)
        self.assertIn("900 samples of 2 int32", finished.stdout)
        self.assertRegex(finished.stdout, r"mean +149.5,")


class References(Hdf5):
    """Files that refer to others: followed within their folder, refused beyond."""

    def setUp(self):
        super().setUp()
        self.make("""
import os
os.mkdir("inside"), os.mkdir("outside")
x = numpy.random.rand(40, 3).astype("f4")
for folder in ("inside", "outside"):
    h5py.File(f"{folder}/source.h5", "w")["x"] = x
    x.tofile(f"{folder}/raw.bin")
def virtual(file, name, source, rows=40, shape=(40, 3)):
    layout = h5py.VirtualLayout(shape, "f4")
    layout[:rows] = h5py.VirtualSource(source, "x", shape=(max(rows, 40), 3))[:rows]
    file.create_virtual_dataset(name, layout)
with h5py.File("inside/all.h5", "w") as file:
    file["soft"] = h5py.SoftLink("/near")
    file["near"] = h5py.ExternalLink("source.h5", "/x")
    file["far"] = h5py.ExternalLink("../outside/source.h5", "/x")
    file["absolute"] = h5py.ExternalLink(os.path.abspath("outside/source.h5"), "/x")
    file["nowhere"] = h5py.ExternalLink("none.h5", "/x")
    virtual(file, "virtual", "source.h5")
    virtual(file, "virtual_far", "../outside/source.h5")
    virtual(file, "virtual_nowhere", "none.h5")
    virtual(file, "virtual_part", "source.h5", 30)
    virtual(file, "virtual_more", "source.h5", 80, (80, 3))
    file.create_dataset("raw", (40, 3), "f4", external=[("raw.bin", 0, x.nbytes)])
    file.create_dataset("raw_far", (40, 3), "f4", external=[("../outside/raw.bin", 0, x.nbytes)])
    file.create_dataset("raw_short", (80, 3), "f4", external=[("raw.bin", 0, 2 * x.nbytes)])
h5py.File("inside/chain.h5", "w")["x"] = h5py.ExternalLink("all.h5", "/far")
os.symlink("../outside/source.h5", "inside/link.h5")
h5py.File("inside/linked.h5", "w")["x"] = h5py.ExternalLink("link.h5", "/x")
""")

    def test_followed_within_the_folder(self):
        usual = self.train("usual", "data.train=inside/source.h5:/x")
        for name in ("near", "soft", "virtual", "raw"):
            self.assertEqual(self.train(name, f"data.train=inside/all.h5:/{name}"), usual, name)
        os.chdir(self.folder)  # for the relative names below
        self.addCleanup(os.chdir, "/")
        self.assertEqual(self.train("from_there", f"data.train={self.folder}/inside/all.h5:/raw"), usual)

    def test_refused_beyond_unless_allowed(self):
        usual = self.train("usual", "data.train=inside/source.h5:/x")
        (self.folder / "small.yaml").write_text(CONFIGURATION, encoding="utf-8")
        for name, target in (("far", "../outside/source.h5"), ("absolute", f"{self.folder}/outside/source.h5"),
                             ("virtual_far", "../outside/source.h5"), ("raw_far", "../outside/raw.bin")):
            message = self.refused("train", "small.yaml", f"data.train=inside/all.h5:/{name}", "output=runs/refused")
            for words in (f"/{name}", target, "outside of", "data.allow_external: true"):
                self.assertIn(words, message)
            self.assertEqual(self.train(name, f"data.train=inside/all.h5:/{name}", "data.allow_external=true"), usual, name)
        for file in ("chain.h5", "linked.h5"):
            self.assertIn("data.allow_external", self.refused("inspect", f"inside/{file}:/x"))
            self.assertIn("40 x 3", self.inspect(f"inside/{file}:/x", "--allow-external"))

    def test_what_is_not_there_is_no_zeros(self):
        for name, words in (("nowhere", "does not exist"), ("virtual_nowhere", "none.h5:x, which does not exist"),
                            ("virtual_part", "has sources for 90 of 120 elements"),
                            ("virtual_more", "takes 240 elements from source.h5:x, which has 40 x 3"),
                            ("raw_short", "of which 480 are there; is that cut short?")):
            self.assertIn(words, self.refused("inspect", f"inside/all.h5:/{name}"), name)

    def test_inspect_shows_the_tree(self):
        out = self.inspect("inside/all.h5")
        self.assertIn("far -> ../outside/source.h5:/x", out)
        self.assertIn("soft -> /near", out)
        self.assertIn("virtual  40 x 3 float32", out)
        self.assertIn("outside of", self.of(out, "/virtual_far"))


class Samples(Hdf5):
    """What becomes of samples before the model sees them: parts of a file, labels, data.transform."""

    def setUp(self):
        super().setUp()
        self.make("""
x = numpy.random.randint(0, 256, (90, 6, 5)) / 256  # products and sums with powers of two are exact
with h5py.File("x.h5", "w") as file:
    file["x"] = x.astype("f4")
    file["scaled"] = (2 * x - 1).astype("f4")
    file["cropped"] = x[:, 1:5, 1:4].astype("f4")
    file["clipped"] = numpy.clip(2 * x - 1, -0.25, 0.5).astype("f4")
    file["standard"] = ((x - x.mean(0)) / x.std(0)).astype("f4")
    file["y"] = numpy.arange(90) // 30
    file["few"] = numpy.arange(89)
    bad = x.astype("f4")
    bad[40, 2, 2] = numpy.nan
    file["bad"] = bad
""")

    def test_a_fraction_validates(self):
        split = ("data.train=x.h5:/x", "data.validation.fraction=0.2", "training.virtual_ranks=3")
        usual = self.train("usual", *split)
        out = self.elbo("train", "small.yaml", "output=runs/said", *split).out
        self.assertIn("x.h5:/x, 72 samples", out)
        self.assertIn("x.h5:/x, 18 samples", out)
        validation = [line for line in usual if line["kind"] == "validation"]
        self.assertEqual([line["samples"] for line in validation], [18, 18])
        self.assertEqual(self.train("ranks", *split, ranks=3), usual)
        self.assertNotEqual(self.train("seed", *split, "data.validation.seed=2"), usual)
        self.assertIn("data.validation.fraction", self.refused("train", "small.yaml", "output=runs/usual", *split,
                                                               "data.validation.fraction=0.3", "training.epochs=3"))

    def test_a_fraction_streams_too(self):
        split = ("data.train=x.h5:/x", "data.validation.fraction=0.2", "data.order=windowed", "data.block=7", "data.window=20")
        self.assertEqual(self.train("streamed", *split, "data.memory=12kB"), self.train("cached", *split))

    def test_a_bad_row_is_named_as_the_file_counts(self):
        (self.folder / "small.yaml").write_text(CONFIGURATION, encoding="utf-8")
        self.assertIn("/bad: row 40 holds", self.refused("train", "small.yaml", "data.train=x.h5:/bad",
                                                         "data.validation.fraction=0.2"))

    def test_steps_are_what_numpy_makes(self):
        elbos = {}
        # Samples are the same; the means that output biases begin with are rounded, and clipping a mean is not the mean
        # of what was clipped.
        for name, steps, apart in (("scaled", "[{scale: 2, offset: -1}]", 1e-6), ("cropped", "[{crop: [4, 3]}]", 1e-6),
                                   ("clipped", "[{scale: 2, offset: -1}, {clip: {least: -0.25, greatest: 0.5}}]", 2e-2),
                                   ("standard", "[standardise]", 1e-3)):
            found = self.train(name, "data.train=x.h5:/x", f"data.transform={steps}")
            expected = self.train(f"{name}_file", f"data.train=x.h5:/{name}")
            self.assertEqual(len(found), len(expected))
            for one, other in zip(found, expected):
                self.assertAlmostEqual(one["elbo"] / other["elbo"], 1, delta=apart, msg=name)
            elbos[name] = expected[-1]["elbo"]
        self.assertGreater(abs(elbos["clipped"] / elbos["scaled"] - 1), 4e-2)
        self.assertIn("of which the model sees 4 x 3",
                      self.elbo("train", "small.yaml", "--fresh", "data.train=x.h5:/x", "data.transform=[{crop: [4, 3]}]").out)

    def test_standardise_by_stored_figures(self):
        self.make("""
x = (numpy.random.rand(90, 6, 5) * numpy.linspace(20, 250, 5)).astype("u1")
for name, rows in (("all", x), ("one", x[:31]), ("two", x[31:])): h5py.File(f"{name}.h5", "w")["x"] = rows
""")
        for name in ("all", "one", "two"):
            self.elbo("convert", f"{name}.h5", f"with-{name}.h5", "--stats")

        def train(name, figures, *more, **options):
            return self.train(name, "training.virtual_ranks=2", "data.transform=[{scale: 3, offset: 1}, {crop: [4, 5]}, "
                              f"{{standardise: {{figures: {figures}}}}}]", *more, **options)

        computed = train("computed", "computed", "data.train=with-all.h5")
        stored = train("stored", "stored", "data.train=with-all.h5")
        self.assertEqual(train("ranks", "stored", "data.train=with-all.h5", ranks=2), stored)
        joined = train("joined", "stored", "data.train=[with-one.h5, with-two.h5]")
        for found in (stored, joined):
            self.assertEqual(len(found), len(computed))
            for one, other in zip(found, computed):  # figures are rounded to floats
                self.assertAlmostEqual(one["elbo"] / other["elbo"], 1, delta=1e-6)

        missing = self.refused("train", "small.yaml", "output=runs/missing", "data.train=all.h5",
                               "data.transform=[{standardise: {figures: stored}}]", ranks=2)
        for words in ("all.h5: no dataset /stats/x/mean", "`elbo convert all.h5 OUT.h5 --stats` stores them"):
            self.assertIn(words, " ".join(missing.split()))
        # Other figures are other data, and rows that came later are noticed.
        self.make("""
with h5py.File("with-all.h5", "r+") as file: file["stats/train/x/variance"][...] *= 2
""")
        self.assertIn("fingerprint", self.refused("train", "runs/stored/configuration.yaml", "training.epochs=3"))
        self.make("""
with h5py.File("with-all.h5", "r+") as file: file["stats/train/x/mean"].attrs["rows"] = "80"
""")
        self.assertIn("is of 80 rows, but /train/x has 90",
                      " ".join(self.refused("train", "runs/stored/configuration.yaml", "output=runs/later").split()))

    def test_random_steps_do_not_depend_on_who_makes_them(self):
        steps = ("data.train=x.h5:/x", "data.validation=x.h5:/x", "training.virtual_ranks=2",
                 "data.transform=[{flip: both}, standardise, {crop: [4, 4], place: random}]")
        usual = self.train("usual", *steps)
        self.assertEqual(self.train("ranks", *steps, ranks=2), usual)
        self.assertEqual(self.train("prefetch", *steps, "data.prefetch=always"), usual)
        self.elbo("train", "small.yaml", "output=runs/resumed", *steps, "training.epochs=1")
        self.elbo("train", "small.yaml", "output=runs/resumed", *steps)
        self.assertEqual(elbo_cli.figures(self.folder / "runs/resumed"), usual)
        fixed = self.train("fixed", *steps, "data.transform=[standardise, {crop: [4, 4]}]")
        self.assertNotEqual(fixed, usual)

    def test_wrong_steps(self):
        (self.folder / "small.yaml").write_text(CONFIGURATION, encoding="utf-8")
        for steps, words in (("[{crop: [9, 9]}]", "at most [6, 5]"), ("[standardize]", "did you mean standardise?"),
                             ("[{scale: 1, offset: -2}, log1p]", "log1p takes values above -1"),
                             ("crop", "expected a list of steps")):
            self.assertIn(words, self.refused("train", "small.yaml", "data.train=x.h5:/x", f"data.transform={steps}"))

    def test_labels(self):
        (self.folder / "small.yaml").write_text(CONFIGURATION, encoding="utf-8")
        out = self.elbo("train", "small.yaml", "data.train=x.h5:/x", "data.labels=x.h5:/y", "data.validation.fraction=0.1").out
        self.assertIn("x.h5:/y, 3 classes, 30 samples each", out)
        self.assertIn("3 classes, 30 samples each", self.inspect("x.h5:/y"))
        self.assertIn("has 89 rows", self.refused("train", "small.yaml", "output=runs/other", "data.train=x.h5:/x",
                                                    "data.labels=x.h5:/few"))


class Inspect(Hdf5):
    def test_tree_and_attributes(self):
        self.make("""
with h5py.File("x.h5", "w") as file:
    file.attrs["source"] = "a camera"
    file.attrs["version"] = 3
    file["train/x"] = numpy.random.rand(20, 6, 5)
    file["train/x"].attrs["unit"] = numpy.bytes_("mm")
    file["names"] = [b"a", b"b"]
    file.create_group("empty/deeper")
""")
        out = self.inspect("x.h5")
        for words in ("\n    @source a camera\n", "\n    @version 3\n", "\n  train/\n", "\n    x  20 x 6 x 5 float64\n",
                      "\n        @unit mm\n", "\n    deeper/\n"):
            self.assertIn(words, out)
        self.assertIn("holds text", self.of(out, "/names"))
        self.assertIn("4.69 KiB in all, 240 B a sample", self.of(out, "/train/x"))

    def test_contact_sheet(self):
        self.make("""
with h5py.File("x.h5", "w") as file:
    file["train/x"] = numpy.random.randint(0, 255, (250, 12, 10, 3), "u1")
    file["flat"] = numpy.random.rand(20, 7)
""")
        self.assertIn("wrote sheet.png", self.inspect("x.h5", "--picture", "sheet.png"))
        png = (self.folder / "sheet.png").read_bytes()
        self.assertEqual(png[:8], b"\x89PNG\r\n\x1a\n")
        width, height = int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")
        # Ten to a row, each enlarged to 48 x 40 by a factor of 4, with gaps between.
        self.assertGreaterEqual(width, 10 * 40)
        self.assertGreaterEqual(height, 10 * 48)
        self.assertLess(width, 10 * 48)
        self.assertIn("no images", self.refused("inspect", "x.h5:/flat", "--picture", "sheet.png"))

    def test_large_datasets_are_read_on_request(self):
        self.make("""
with h5py.File("x.h5", "w") as file:
    file.create_dataset("x", (160, 1 << 20), "u1", data=numpy.ones((160, 1 << 20), "u1"))
""")
        self.assertIn("not read (160 MiB); --stats does", self.inspect("x.h5:/x"))
        self.assertRegex(self.inspect("x.h5:/x", "--stats"), r"range +1 to 1\n")

    def test_wrong_arguments(self):
        self.make('h5py.File("x.h5", "w")["x"] = numpy.ones((4, 2))')
        (self.folder / "small.yaml").write_text(CONFIGURATION, encoding="utf-8")
        self.assertIn("belongs to a configuration", self.refused("inspect", "x.h5", "training.epochs=1"))
        self.assertIn("belong to datasets", self.refused("inspect", "small.yaml", "--stats"))
        self.assertIn("no such file", self.refused("inspect", "y.h5"))
        pathlib.Path(self.folder / "text").write_text("words", encoding="utf-8")
        self.assertIn("neither an HDF5 file", self.refused("inspect", "text"))


if __name__ == "__main__":
    unittest.main()

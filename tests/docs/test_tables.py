"""The commands in tables of README.md and data/README.md: every `elbo convert` there runs on small files that are
called and made as the row says."""
import gzip
import pathlib
import re
import struct
import subprocess
import unittest
import zipfile

import elbo_cli

elbo_cli.need_modules("PIL", "h5py", "numpy")
# pylint: disable=wrong-import-position
import h5py  # noqa: E402
import numpy  # noqa: E402
from PIL import Image  # noqa: E402

COUNT = 10
PIXELS = numpy.random.default_rng(1).integers(0, 256, (COUNT, 28, 28), dtype=numpy.uint8)
LABELS = numpy.arange(COUNT, dtype=numpy.uint8) % 5
COMMAND = re.compile(r"`(elbo convert [^`]+)`")


def idx(array):
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def idx_files(folder, prefix="", end=""):
    folder.mkdir(parents=True, exist_ok=True)
    for part in ("train", "test" if prefix else "t10k"):
        for kind, array in (("images-idx3", PIXELS), ("labels-idx1", LABELS)):
            content = idx(array)
            (folder / f"{prefix}{part}-{kind}-ubyte{end}").write_bytes(gzip.compress(content) if end else content)


def pictures(folder):
    for part in ("train", "test"):
        for number, pixels in enumerate(PIXELS):
            path = folder / part / f"kind{LABELS[number]}" / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(numpy.dstack([pixels] * 3)).save(path)


def packed(folder, name):
    with zipfile.ZipFile(folder / name, "w") as archive:
        for path in sorted((folder / "photos").rglob("*.png")):
            archive.write(path, path.relative_to(folder / "photos"))


def tables(folder):
    (folder / "table.csv").write_text("length,width,species\n1.5,2,cat\n,3,dog\n2.5,4,cat\n", encoding="utf-8")
    (folder / "iris.data").write_text("5.1,3.5,1.4,0.2,setosa\n6.2,2.9,4.3,1.3,versicolor\n", encoding="utf-8")
    rows = [",".join(map(str, [label, *pixels.ravel()])) for label, pixels in zip(LABELS, PIXELS)]
    header = ",".join(["label", *(f"pixel{i}" for i in range(784))])
    (folder / "train.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")


def arrays(folder):
    for part in ("train", "test"):
        numpy.save(folder / f"{part}_x.npy", PIXELS)
        numpy.save(folder / f"{part}_y.npy", LABELS)
    numpy.savez(folder / "pathmnist.npz", train_images=PIXELS, train_labels=LABELS, test_images=PIXELS,
                test_labels=LABELS)
    numpy.savez(folder / "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz", imgs=PIXELS // 128, metadata=LABELS)
    numpy.zeros((COUNT, 64, 64), numpy.uint16).tofile(folder / "pixels.bin")
    with h5py.File(folder / "old.h5", "w") as file:
        file["images"], file["labels"] = PIXELS, LABELS


def cifar(folder):
    folder.mkdir(parents=True)
    record = numpy.hstack([LABELS[:, None], numpy.zeros((COUNT, 3072), numpy.uint8)])
    for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"):
        record.tofile(folder / f"{name}.bin")


class Tables(elbo_cli.Case):
    def setUp(self):
        super().setUp()
        for name in ("mnist", "fashion", "kmnist"):
            idx_files(self.folder / "data" / name)
        idx_files(self.folder, "emnist-letters-", ".gz")
        tables(self.folder)
        arrays(self.folder)
        for name in ("cifar-10-batches-bin", "data/cifar-10-batches-bin"):
            cifar(self.folder / name)
        pictures(self.folder / "photos")
        for name in ("photos.zip", "train.zip"):
            packed(self.folder, name)
        (self.folder / "scans").mkdir()
        Image.fromarray(PIXELS[0]).save(self.folder / "scans/123_7.png")
        self.sources = {path for path in self.folder.rglob("*.h5")}

    def convert(self, command):
        """Runs a command of a table; what it made is a dataset with samples, and goes again."""
        script = f'elbo() {{ "{elbo_cli.ELBO}" "$@"; }}\n{command}'
        finished = subprocess.run(["bash", "-euo", "pipefail", "-c", script],
                                  cwd=self.folder, env=elbo_cli.environment(), stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", check=False)
        self.assertEqual(finished.returncode, 0, f"{command}\n{finished.stdout}")
        made, = set(self.folder.rglob("*.h5")) - self.sources
        with h5py.File(made) as file:
            self.assertGreater(len(file["/train/x"]), 0)
        made.unlink()

    def test_every_row(self):
        for page, least in (("README.md", 11), ("data/README.md", 9)):
            text = pathlib.Path(elbo_cli.ROOT / page).read_text(encoding="utf-8")
            commands = [found for line in text.splitlines() if line.startswith("|") for found in COMMAND.findall(line)]
            self.assertGreaterEqual(len(commands), least)
            for command in commands:
                with self.subTest(command=command):
                    self.convert(command)


if __name__ == "__main__":
    unittest.main()

"""Folders and archives of images: what Pillow writes and reads, the same from a folder, an archive and several ranks."""
import io
import lzma
import pathlib
import shutil
import subprocess
import tarfile
import unittest
import zipfile
import zlib

import elbo_cli

elbo_cli.need_modules("PIL", "h5py", "numpy")
# pylint: disable=wrong-import-position
import h5py  # noqa: E402
import numpy  # noqa: E402
from PIL import Image  # noqa: E402

CIFAR = elbo_cli.TEST_DATA / "cifar10" / "cifar10-subset.tar.xz"


def noise(seed, *shape, dtype=numpy.uint8):
    return numpy.random.default_rng(seed).integers(0, numpy.iinfo(dtype).max, shape, dtype, endpoint=True)


def smooth(seed, height=24, width=40, channels=3):
    """What JPEG keeps nearly as it is."""
    small = Image.fromarray(noise(seed, 3, 4, channels).squeeze())
    return small.resize((width, height), Image.Resampling.BICUBIC)


def encoded(image, kind, **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


class Images(elbo_cli.Case):
    def write(self, name, image, **options):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path, **options)
        return path

    def converted(self, source, *options, out="out.h5", **how):
        """Datasets and their attributes after elbo convert."""
        self.elbo("convert", source, out, "--force", *options, **how)
        found = {}
        with h5py.File(self.folder / out) as file:
            file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
            self.names = {name: file[name].attrs.get("names") for name in found}
        return found

    def refused(self, source, *options, **how):
        """The message; nothing may be left behind."""
        before = self.files()
        result = self.elbo("convert", source, "refused.h5", *options, expect=2, **how)
        self.assertEqual(self.files(), before)
        self.assertEqual(result.err.count("elbo:"), 1, result)
        return result.err


class Kinds(Images):
    def test_every_mode_of_pillow(self):
        grey, colour = noise(1, 9, 7), noise(2, 9, 7, 3)
        modes = {
            "1.png": Image.fromarray(grey).convert("1"), "L.png": Image.fromarray(grey),
            "P.png": Image.fromarray(colour).quantize(16), "RGB.png": Image.fromarray(colour),
        }
        for name, image in modes.items():
            self.write(f"one/{name}", image)
            found = self.converted("one")["train/x"]
            shown = image if image.mode == "L" else image.convert("L" if image.mode == "1" else "RGB")
            self.assertTrue((found[0] == numpy.asarray(shown)).all(), name)
            (self.folder / "one" / name).unlink()
        self.write("one/a.jpg", Image.fromarray(noise(3, 8, 8, 4), "CMYK"))
        self.assertIn("CMYK", self.refused("one"))

    def test_transparent_pixels_are_shown_on_white(self):
        pixels = noise(4, 11, 5, 4)
        image = Image.fromarray(pixels, "RGBA")
        self.write("one/a.png", image)
        white = Image.new("RGBA", image.size, "white")
        expected = numpy.asarray(Image.alpha_composite(white, image).convert("RGB")).astype(int)
        self.assertLessEqual(abs(self.converted("one")["train/x"][0] - expected).max(), 1)  # Pillow rounds in between

    def test_sixteen_bits(self):
        deep = noise(5, 6, 8, dtype=numpy.uint16)
        self.write("one/a.png", Image.fromarray(deep))
        found = self.converted("one", "--type", "uint16")["train/x"]
        self.assertEqual(found.dtype, numpy.uint16)
        self.assertTrue((found[0] == deep).all())
        eight = self.converted("one")["train/x"]
        self.assertEqual(eight.dtype, numpy.uint8)
        self.assertTrue((eight[0] == numpy.rint(deep / 257)).all())

    def test_jpeg_as_pillow_decodes_it(self):
        for number, options in enumerate(({}, {"progressive": True}, {"subsampling": 0}, {"quality": 30})):
            for channels in (1, 3):
                path = self.write(f"one/{number}.jpg", smooth(number, channels=channels), **options)
                found = self.converted("one")["train/x"][0].astype(int)
                # The same numbers where Pillow stands on the same library; other decoders may round otherwise.
                self.assertLessEqual(abs(found - numpy.asarray(Image.open(path)).astype(int)).max(), 3, (options, channels))
                path.unlink()

    def test_size_and_grey(self):
        photos = [smooth(seed) for seed in range(4)]
        for number, photo in enumerate(photos):
            self.write(f"one/{number}.png", photo)
        grey = self.converted("one", "--gray")["train/x"]
        self.assertEqual(grey.shape, (4, 24, 40))
        for number, photo in enumerate(photos):
            self.assertTrue((grey[number] == numpy.asarray(photo.convert("L"))).all())
        small = self.converted("one", "--resize", "8x10")["train/x"]
        self.assertEqual(small.shape, (4, 8, 10, 3))
        for number, photo in enumerate(photos):
            box = numpy.asarray(photo.resize((10, 8), Image.Resampling.BOX)).astype(int)
            self.assertLessEqual(abs(small[number] - box).max(), 1)
        large = self.converted("one", "--resize", "48x120", "--gray")["train/x"]
        for number, photo in enumerate(photos):
            linear = numpy.asarray(photo.convert("L").resize((120, 48), Image.Resampling.BILINEAR)).astype(int)
            self.assertLessEqual(abs(large[number] - linear).max(), 1)
        square = self.converted("one", "--resize", "5")["train/x"]
        self.assertEqual(square.shape, (4, 5, 5, 3))
        for wrong in ("8x", "0x4", "8x8x8", "-3", "large"):
            self.assertIn("--resize", self.refused("one", f"--resize={wrong}"))


class Sources(Images):
    def setUp(self):
        super().setUp()
        for number in range(60):
            part, name = ("train", "test", "val")[number % 3], ("cat", "dog")[number // 3 % 2]
            image = Image.fromarray(noise(number, 6, 5, 3))
            self.write(f"photos/{part}/{name}/{number:03}.png", image)
        (self.folder / "photos/notes.txt").write_text("no image", encoding="utf-8")

    def paths(self):
        """In the order in which a folder is read."""
        return sorted((path for path in (self.folder / "photos").rglob("*") if path.is_file()),
                      key=lambda path: str(path.relative_to(self.folder)))

    def archive(self, name):
        path = self.folder / name
        if name.endswith(".zip"):
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
                for member in self.paths():
                    out.write(member, member.relative_to(self.folder))
        elif name.endswith(".zst"):
            plain = self.archive("plain.tar")
            subprocess.run(["zstd", "-q", "-f", self.folder / plain, "-o", path], check=True)
        else:
            mode = {"gz": "w:gz", "xz": "w:xz"}.get(name.rsplit(".", 1)[1], "w:")
            with tarfile.open(path, mode) as out:
                for member in self.paths():
                    out.add(member, member.relative_to(self.folder))
        return name

    def test_splits_and_classes(self):
        found = self.converted("photos")
        self.assertEqual({name: len(array) for name, array in found.items()},
                         {f"{part}/{field}": 20 for part in ("train", "test", "validation") for field in "xy"})
        expected = sorted(range(0, 60, 3), key=lambda number: (number // 3 % 2, number))
        self.assertEqual(list(found["train/y"]), [0] * 10 + [1] * 10)
        self.assertTrue((found["train/x"] == [noise(number, 6, 5, 3) for number in expected]).all())
        self.assertEqual(self.names["train/y"], "0: cat, 1: dog")

    def test_archives_and_ranks_give_the_same(self):
        folder = self.converted("photos")
        zstd = ["a.tar.zst"] if shutil.which("zstd") else []
        for name in ("a.tar", "a.tar.gz", "a.tar.xz", "a.zip", *zstd):
            found = self.converted(self.archive(name))
            self.assertEqual(found.keys(), folder.keys())
            for dataset, array in folder.items():
                self.assertTrue((found[dataset] == array).all(), (name, dataset))
        for source in ("photos", "a.tar.xz"):
            self.converted(source, "--limit", 17, out="alone.h5")
            for ranks in (1, 2, 3):
                self.converted(source, "--limit", 17, out="ranks.h5", ranks=ranks)
                same = subprocess.run(["h5diff", "-v", "alone.h5", "ranks.h5"], cwd=self.folder, capture_output=True,
                                      encoding="utf-8", check=False)
                self.assertEqual(same.returncode, 0, same.stdout)

    def test_xz_dictionaries_are_limited(self):
        """A stream says how large a dictionary it wants; the second of two streams counts as the first does."""
        def with_dictionary(stream, exponent):
            """Of 2^exponent bytes: the first block's header, behind 12 bytes of the stream's, holds it in its 5th byte."""
            size = 4 * (stream[12] + 1)
            self.assertEqual(stream[14:16], b"\x21\x01")
            header = bytearray(stream[12:12 + size - 4])
            header[4] = 2 * (exponent - 12)
            return stream[:12] + header + zlib.crc32(header).to_bytes(4, "little") + stream[12 + size:]

        self.archive("plain.tar")
        plain = (self.folder / "plain.tar").read_bytes()
        halves = [lzma.compress(half) for half in (plain[:len(plain) // 2], plain[len(plain) // 2:])]
        expected = self.converted("photos")
        for exponents, fits in (((26, 26), True), ((30, 26), False), ((26, 28), False)):
            (self.folder / "a.tar.xz").write_bytes(b"".join(map(with_dictionary, halves, exponents)))
            if fits:
                self.assertTrue((self.converted("a.tar.xz")["train/x"] == expected["train/x"]).all())
                continue
            self.assertRegex(self.refused("a.tar.xz"),
                             "a.tar.xz: unpacking it takes .* of memory, expected at most 128 MiB")

    def test_ranks_divide_an_archive(self):
        """Parts mixed with each other, several pieces of a mebibyte each, and damaged images in two of them."""
        images = {f"{'test' if number % 3 == 2 else 'train'}/{'ab'[number % 2]}/{number:03}.png":
                  encoded(Image.fromarray(noise(number, 48, 48, 3)), "PNG") for number in range(700)}
        with tarfile.open(self.folder / "whole.tar.gz", "w:gz", compresslevel=1) as tar:
            for name, content in images.items():
                about = tarfile.TarInfo(name)
                about.size = len(content)
                tar.addfile(about, io.BytesIO(content))
        for name in ("train/b/007.png", "train/a/688.png", "test/b/689.png"):
            images[name] = images[name][:2000]
        with zipfile.ZipFile(self.folder / "damaged.zip", "w") as out:
            for name, content in images.items():
                out.writestr(name, content)
        for source, *options in (["whole.tar.gz"], ["damaged.zip", "--skip-bad", "--shuffle-seed", 1]):
            alone = self.converted(source, *options, out="alone.h5")
            self.assertEqual(len(alone["train/x"]) + len(alone["test/x"]), 700 if len(options) == 0 else 697)
            for ranks in (1, 2, 3, 4):
                self.converted(source, *options, out="ranks.h5", ranks=ranks)
                self.assertEqual((self.folder / "alone.h5").read_bytes(), (self.folder / "ranks.h5").read_bytes(), ranks)
        for ranks in (None, 1, 2, 3, 4):
            self.assertIn("damaged.zip: train/b/007.png: is a PNG cut short", self.refused("damaged.zip", ranks=ranks))

    def test_several_sources(self):
        one = self.converted("photos")
        self.elbo("convert", "photos/train", "photos/test", "several.h5")
        with h5py.File(self.folder / "several.h5") as file:
            self.assertTrue((file["test/x"][()] == one["test/x"]).all())
            self.assertTrue((file["train/y"][()] == one["train/y"]).all())

    def test_names_of_any_alphabet(self):
        for path in ("Käse/1.png", "チーズ/1.png"):
            self.write(f"photos/{path}", Image.fromarray(noise(1, 6, 5, 3)))
        for part in ("train", "test", "val"):
            for path in self.paths():
                if part in path.parts:
                    path.unlink()
        for source in ("photos", self.archive("a.tar"), self.archive("a.zip")):
            self.converted(source)
            self.assertEqual(self.names["train/y"], "0: Käse, 1: チーズ")

    def test_labels_of_names(self):
        for number in range(12):
            self.write(f"flat/{number}_{number % 10}.png", Image.fromarray(noise(number, 4, 4)))
            self.write(f"words/{'ab'[number % 2]}.{number}.png", Image.fromarray(noise(number, 4, 4)))
        found = self.converted("flat", "--label-pattern", "*_{label}.png")
        self.assertEqual(list(found["train/y"]), [0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9])  # 0_0, 10_0, 11_1, 1_1, 2_2
        self.converted("words", "--label-pattern", "{label}.*.png")
        self.assertEqual(self.names["train/y"], "0: a, 1: b")
        self.assertIn("{label}", self.refused("flat", "--label-pattern", "*.png"))
        self.assertIn("0_0.png", self.refused("flat", "--label-pattern", "{label}-*.png"))

    def test_damaged_images_are_named_or_left_out(self):
        whole = self.converted("photos")
        damaged = self.folder / "photos/train/cat/000.png"
        damaged.write_bytes(damaged.read_bytes()[:80])
        (self.folder / "photos/train/dog/zzz.jpg").write_bytes(b"")
        for source in ("photos", self.archive("a.tar.gz"), self.archive("a.zip")):
            message = self.refused(source)
            self.assertIn("train/cat/000.png: is a PNG cut short", message)
            self.assertIn(source, message)
        for source, ranks in (("photos", None), ("photos", 2), ("a.zip", None), ("a.tar.gz", 3)):
            found = self.converted(source, "--skip-bad", ranks=ranks)
            self.assertTrue((found["train/x"] == whole["train/x"][1:]).all(), source)
            self.assertTrue((found["train/y"] == whole["train/y"][1:]).all(), source)
        result = self.elbo("convert", "photos", "out.h5", "--force", "--skip-bad")
        self.assertIn("000.png", result.out + result.err)
        self.assertIn("zzz.jpg: is empty", result.out + result.err)

    def test_sizes_that_differ(self):
        self.write("photos/val/dog/059.png", Image.fromarray(noise(1, 6, 6, 3)))
        message = self.refused("photos")
        self.assertRegex(message, "photos/val/dog/059.png: has 6 x 6 pixels, expected 6 x 5 as .*png has; --resize")
        self.assertEqual(self.converted("photos", "--resize", "6x5")["validation/x"].shape, (20, 6, 5, 3))


class Hostile(Images):
    def test_paths_and_links_out_of_an_archive(self):
        png = encoded(Image.fromarray(noise(1, 4, 4)), "png")
        for name, kind, word in (("../x.png", tarfile.REGTYPE, "lies outside"), ("/x.png", tarfile.REGTYPE, "lies outside"),
                                 ("x.png", tarfile.SYMTYPE, "symbolic link"), ("x.png", tarfile.LNKTYPE, "hard link"),
                                 ("x.png", tarfile.CHRTYPE, "device")):
            with tarfile.open(self.folder / "a.tar", "w") as out:
                for member_name, member_kind in (("1.png", tarfile.REGTYPE), (name, kind)):
                    member = tarfile.TarInfo(member_name)
                    member.type, member.linkname = member_kind, "1.png"
                    member.size = len(png) if member_kind == tarfile.REGTYPE else 0
                    out.addfile(member, io.BytesIO(png))
            self.assertIn(word, self.refused("a.tar"))
        with zipfile.ZipFile(self.folder / "a.zip", "w") as out:
            out.writestr("../x.png", png)
        self.assertIn("lies outside", self.refused("a.zip"))

    def test_bombs(self):
        def chunk(name, data):
            return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")

        def claiming(width, height):
            header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 2, 0, 0, 0])
            pixels = zlib.compress(bytes(1 << 20))
            return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")

        (self.folder / "one").mkdir()
        (self.folder / "one/a.png").write_bytes(claiming(60000, 60000))
        message = self.refused("one")
        self.assertIn("60,000 x 60,000", message)
        self.assertIn("25,165,824", message)
        with zipfile.ZipFile(self.folder / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as out:
            for number in range(10):
                out.writestr(f"{number}.png", bytes(60 << 20))
        self.assertIn("expected at most 256 times", self.refused("bomb.zip"))
        (self.folder / "bomb.zip").unlink()
        with zipfile.ZipFile(self.folder / "inner.zip", "w") as out:
            out.write(self.folder / "one/a.png", "a.png")
        with zipfile.ZipFile(self.folder / "outer.zip", "w") as out:
            out.write(self.folder / "inner.zip", "inner.zip")
        self.assertIn("holds no PNG or JPEG image", self.refused("outer.zip"))

    def test_a_link_out_of_a_folder(self):
        self.write("one/a.png", Image.fromarray(noise(1, 4, 4)))
        self.write("secret/b.png", Image.fromarray(noise(1, 4, 4)))
        (self.folder / "one/b.png").symlink_to(pathlib.Path("..", "secret", "b.png"))
        self.assertIn("one/b.png: is a link out of one", self.refused("one"))


class Cifar(Images):
    def test_the_subset(self):
        if not CIFAR.is_file():
            self.skipTest(f"no {CIFAR} (set ELBO_TEST_DATA)")
        found = self.converted(CIFAR)
        self.assertEqual(found["train/x"].shape, (10000, 32, 32, 3))
        self.assertEqual(found["test/x"].shape, (2000, 32, 32, 3))
        self.assertEqual(list(numpy.bincount(found["train/y"])), [1000] * 10)
        self.assertEqual(list(numpy.bincount(found["test/y"])), [200] * 10)
        self.assertTrue(self.names["test/y"].startswith("0: airplane, 1: automobile"))
        seen = {"train": 0, "test": 0}
        with tarfile.open(CIFAR) as source:
            for member in source:
                if not member.isfile():
                    continue
                part = member.name.split("/")[1]
                if seen[part] % 97 == 0:
                    expected = numpy.asarray(Image.open(source.extractfile(member))).astype(int)
                    self.assertLessEqual(abs(found[f"{part}/x"][seen[part]] - expected).max(), 3, member.name)
                seen[part] += 1
        self.assertEqual(seen, {"train": 10000, "test": 2000})


if __name__ == "__main__":
    unittest.main()

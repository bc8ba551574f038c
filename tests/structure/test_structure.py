"""The directions of src/: a folder includes only what stands below it, and every library stays in its room. Scripts can
be run.

The compiler enforces part of this (private include paths); this test covers the rest and names the line at fault.
Run alone: python3 tests/structure/test_structure.py
"""
import os
import pathlib
import re
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]

# From the top to the bottom, as docs/architecture.md explains.
LAYOUT = ["main.cpp", "commands", "onnx", "training", "model", "classical", "optimizers", "layers", "report", "convert",
          "images", "data", "storage", "comm", "config", "numerics", "base"]

# Header of a library -> the rooms that may include it.
ROOMS = {
    r"(oneapi/)?dnnl": {"numerics"},
    r"mpi\.h$": {"comm"},
    r"(H5|hdf5)": {"storage"},
    r"xxh": {"storage"},
    r"yaml-cpp/": {"config"},
    r"CLI/": {"main.cpp"},
    r"(s?png|jpeglib|turbojpeg)": {"images"},
    r"(zlib|lzma|archive|archive_entry|csv)\.h$": {"convert"},
    r"nlohmann/": {"report"},
    r"(unsupported/)?Eigen/": {"classical"},
    r"onnx/onnx": {"onnx"},
    r"(isa-l|tensorboard\.pb|google/protobuf)": {"report"},
    r"(hwy|Random123)/": set(LAYOUT[:LAYOUT.index("base")]),
}

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')


def sources(src):
    return sorted(path for path in src.rglob("*") if path.suffix in (".cpp", ".hpp"))


def faults(src):
    """Every include of the tree that points upwards, leaves its library's room or names no known folder."""
    found = []
    for path in sources(src):
        room = path.relative_to(src).parts[0]
        if room not in LAYOUT:
            found.append(f"{path}: {room} has no place in the layout")
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            header, where = match[1], f"{path.relative_to(src)}:{number}"
            target = header.split("/")[0]
            if (src / header).exists():
                if LAYOUT.index(target) < LAYOUT.index(room):
                    found.append(f"{where}: {room} reaches up into {target}")
            elif line.split("#")[1].count('"'):
                found.append(f'{where}: "{header}" is no file of src/ (folder/file.hpp)')
            for pattern, rooms in ROOMS.items():
                if re.match(pattern, header) and not (src / header).exists() and room not in rooms:
                    found.append(f"{where}: <{header}> belongs in {', '.join(sorted(rooms))}")
    return found


class Structure(unittest.TestCase):
    def test_the_project_keeps_the_directions(self):
        self.assertGreater(len(sources(ROOT / "src")), 20)
        self.assertEqual(faults(ROOT / "src"), [])


    def test_scripts_that_name_their_interpreter_can_be_run(self):
        scripts = [path for folder in ("bench", "docs", "launch", "tests") for path in (ROOT / folder).rglob("*")
                   if path.suffix in (".py", ".sh") and path.is_file() and path.read_bytes().startswith(b"#!")]
        self.assertGreater(len(scripts), 10)
        self.assertEqual([path.relative_to(ROOT) for path in scripts if not os.access(path, os.X_OK)], [])


class Check(unittest.TestCase):
    """The check itself sees what it should."""

    def faults_of(self, room, line):
        with tempfile.TemporaryDirectory() as folder:
            src = pathlib.Path(folder)
            for name in LAYOUT[1:]:
                (src / name).mkdir()
                (src / name / "part.hpp").write_text("#pragma once\n")
            path = src / room if room == "main.cpp" else src / room / "test.cpp"
            path.write_text(f"// A file.\n{line}\n")
            return faults(src)

    def test_upward_includes_are_found(self):
        for upper, lower in zip(LAYOUT[1:], LAYOUT[2:]):
            self.assertEqual(self.faults_of(upper, f'#include "{lower}/part.hpp"'), [])
            self.assertEqual(self.faults_of(lower, f'#include "{upper}/part.hpp"'),
                             [f"{lower}/test.cpp:2: {lower} reaches up into {upper}"])

    def test_main_may_include_everything(self):
        self.assertEqual(self.faults_of("main.cpp", '#include "base/part.hpp"'), [])
        self.assertEqual(self.faults_of("main.cpp", "#include <CLI/CLI.hpp>"), [])

    def test_libraries_outside_their_room_are_found(self):
        for header, room in {"oneapi/dnnl/dnnl.hpp": "numerics", "mpi.h": "comm", "hdf5.h": "storage", "H5Fpublic.h":
                             "storage", "yaml-cpp/yaml.h": "config", "spng.h": "images", "zlib.h": "convert",
                             "xxhash.h": "storage"}.items():
            self.assertEqual(self.faults_of(room, f"#include <{header}>"), [])
            self.assertEqual(self.faults_of("model", f"#  include <{header}>"),
                             [f"model/test.cpp:2: <{header}> belongs in {room}"])
        self.assertTrue(self.faults_of("base", "#include <hwy/highway.h>"))

    def test_headers_that_do_not_exist_and_unknown_folders_are_found(self):
        self.assertTrue(self.faults_of("model", '#include "layers/none.hpp"'))
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "helpers").mkdir()
            (pathlib.Path(folder) / "helpers" / "x.cpp").write_text("")
            self.assertEqual(len(faults(pathlib.Path(folder))), 1)


if __name__ == "__main__":
    unittest.main()

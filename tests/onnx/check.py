"""Runs exported models: `check.py FOLDER` looks at each folder in it, which holds encoder.onnx, decoder.onnx and, as bare
float32, what went into elbo's own model and what came out. Needs onnx and onnxruntime."""
import pathlib
import sys

import numpy
import onnx
import onnxruntime

# Of single precision, in other orders of summation: relative to the largest value of the array.
TOLERANCE = 1e-5


def same(name, found, expected):
    expected = expected.reshape(found.shape)
    error = numpy.abs(found - expected).max() / max(1, numpy.abs(expected).max())
    if not error <= TOLERANCE:
        sys.exit(f"{name}: differs by {error:.3g} of its largest value")


def read(folder, name, width):
    return numpy.fromfile(folder / f"{name}.bin", numpy.float32).reshape(-1, width)


def session(file):
    onnx.checker.check_model(onnx.load(file), full_check=True)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 2  # warnings: of shapes that do not fit what the file says
    return onnxruntime.InferenceSession(str(file), options)


def check(folder):
    encoder, decoder = session(folder / "encoder.onnx"), session(folder / "decoder.onnx")
    sample, latent = encoder.get_inputs()[0].shape[1:], decoder.get_inputs()[0].shape[1]
    x = read(folder, "x", numpy.prod(sample, dtype=int)).reshape(-1, *sample)
    z = read(folder, "z", latent)
    assert decoder.get_outputs()[0].shape[1:] == sample, "what is decoded has another shape than x"
    for rows in (len(x), 1):
        mean, log_variance = encoder.run(["mean", "log_variance"], {"x": x[:rows]})
        same("mean", mean, read(folder, "mean", latent)[:rows])
        same("log_variance", log_variance, read(folder, "log_variance", latent)[:rows])
        same("decoded", decoder.run(["mean"], {"z": z[:rows]})[0], read(folder, "decoded", x[0].size)[:rows])
    names = [output.name for output in decoder.get_outputs()]
    if (folder / "variance.bin").exists():
        same("variance", decoder.run(["variance"], {"z": z})[0], numpy.fromfile(folder / "variance.bin", numpy.float32))
    assert names == ["mean", "variance"][:1 + (folder / "variance.bin").exists()], names


for case in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    try:
        check(case)
    except Exception as error:
        sys.exit(f"{case.name}: {type(error).__name__}: {error}")
    print(f"{case.name}: the same")

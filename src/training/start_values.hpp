// model.start: values of parameters, and nothing else, from another run's checkpoint.
#pragma once

#include "layers/parameters.hpp"
#include "storage/checkpoint.hpp"

#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace elbo::training {

/// A checkpoint, and which of its parameters are wanted: "encoder", "decoder" (the likelihood's with it) or "" for all.
struct StartFrom {
    std::filesystem::path file;
    std::string part;
};

/// text: a run's folder or a checkpoint, with ":encoder" or ":decoder" after it where only a part is wanted. A run's
/// checkpoint is its best one, else its latest, else its newest. Throws InputError naming what is not there.
StartFrom resolve_start(const std::string& text);

/// What was taken; arrays by the paths of their parameters.
struct Taken {
    std::string file, part;
    std::vector<storage::ArrayInfo> arrays;
    std::size_t values = 0;
};

/// Fills the wanted part of values (the table's flat array) and leaves the rest alone. The file must have each of the
/// part's parameters in its shape, no others in that part, and finite values: InputError lists all that differs.
Taken take_values(const StartFrom& from, const layers::ParameterTable& table, std::span<float> values);

/// "runs/a/checkpoints/step-00001000.h5: encoder, 6 arrays, 355,600 values".
std::string describe_taken(const Taken& taken);

/// A line for each array: "  encoder/dense1/weight  400 x 784".
std::string describe_arrays(const Taken& taken);

} // namespace elbo::training

// Where training starts from another run's values: its checkpoint is found, compared with the model, and read.
#include "training/start_values.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "numerics/sums.hpp"
#include "training/run_folder.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <stdexcept>
#include <string_view>

namespace elbo::training {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view parameters_group = "/parameters/";

fs::path checkpoint_of_run(const fs::path& folder) {
    if (const auto found = best_checkpoint(RunPaths{folder})) return *found;
    reject("model.start: {} holds no checkpoint of a run: there is no checkpoints/best.h5, latest.h5 or step-*.h5",
           folder.string());
}

bool wanted(std::string_view part, std::string_view path) {
    if (part.empty()) return true;
    if (part == "encoder") return path.starts_with("encoder/");
    return path.starts_with("decoder/") || path.starts_with("likelihood/");
}

/// Shapes of the file's wanted parameters, by path.
std::map<std::string, Shape> shapes_in(const storage::CheckpointReader& reader, std::string_view part) {
    std::map<std::string, Shape> shapes;
    for (const storage::ArrayInfo& array : reader.arrays()) {
        if (!array.path.starts_with(parameters_group)) continue;
        const std::string path = array.path.substr(parameters_group.size());
        if (wanted(part, path)) shapes.emplace(path, array.shape);
    }
    return shapes;
}

/// What the model and the file do not have alike, a line each; empty: nothing.
std::string differences(std::span<const layers::Parameter> ours, std::map<std::string, Shape> theirs) {
    std::string list;
    for (const layers::Parameter& parameter : ours) {
        const auto found = theirs.find(parameter.path);
        if (found == theirs.end()) {
            list += fmt::format("\n  {}: {} in this model, not in the file", parameter.path,
                                elbo::describe(parameter.shape));
            continue;
        }
        if (found->second != parameter.shape) {
            list += fmt::format("\n  {}: {} in this model, {} in the file", parameter.path,
                                elbo::describe(parameter.shape), elbo::describe(found->second));
        }
        theirs.erase(found);
    }
    for (const auto& [path, shape] : theirs) {
        list += fmt::format("\n  {}: not in this model, {} in the file", path, elbo::describe(shape));
    }
    return list;
}

std::string part_name(const std::string& part) { return part.empty() ? "whole model" : part; }

} // namespace

StartFrom resolve_start(const std::string& text) {
    StartFrom from{text, ""};
    for (const std::string part : {"encoder", "decoder"}) {
        if (!text.ends_with(":" + part)) continue;
        from = {text.substr(0, text.size() - part.size() - 1), part};
    }
    if (from.file.empty()) reject("model.start: \"{}\" names no run and no checkpoint", text);
    std::error_code error;
    const fs::file_status status = fs::status(from.file, error);
    if (!fs::exists(status)) {
        reject("model.start: there is no run or checkpoint {}{}", from.file.string(),
               status.type() == fs::file_type::not_found ? "" : ": " + error.message());
    }
    if (fs::is_directory(status)) from.file = checkpoint_of_run(from.file);
    return from;
}

Taken take_values(const StartFrom& from, const layers::ParameterTable& table, std::span<float> values) {
    if (values.size() != table.size()) throw std::logic_error("take_values: not the table's size");
    const storage::CheckpointReader reader(from.file);
    std::vector<layers::Parameter> ours;
    std::ranges::copy_if(table.all(), std::back_inserter(ours),
                         [&](const layers::Parameter& parameter) { return wanted(from.part, parameter.path); });
    const std::string different = differences(ours, shapes_in(reader, from.part));
    if (!different.empty()) {
        reject("model.start: {} does not fit this model ({}):{}\nmake the layers alike, or take another checkpoint{}",
               from.file.string(), part_name(from.part), different,
               from.part.empty() ? " or a part of it with :encoder or :decoder" : "");
    }
    Taken taken{from.file.string(), from.part, {}, 0};
    for (const layers::Parameter& parameter : ours) {
        const std::span<float> own = values.subspan(parameter.offset, parameter.size);
        const storage::NamedArray<float> array{std::string(parameters_group) + parameter.path, parameter.shape, own};
        reader.read(std::span(&array, 1));
        if (!all_finite(own)) {
            reject("model.start: {}: {} holds infinite or NaN values; take an earlier checkpoint", from.file.string(),
                   parameter.path);
        }
        taken.arrays.push_back({parameter.path, parameter.shape});
        taken.values += parameter.size;
    }
    return taken;
}

std::string describe_taken(const Taken& taken) {
    return fmt::format("{}: {}, {} arrays, {} values", taken.file, part_name(taken.part), taken.arrays.size(),
                       with_commas(taken.values));
}

std::string describe_arrays(const Taken& taken) {
    std::size_t width = 0;
    for (const storage::ArrayInfo& array : taken.arrays) width = std::max(width, array.path.size());
    std::string lines;
    for (const storage::ArrayInfo& array : taken.arrays) {
        lines +=
            fmt::format("{}  {:{}}  {}", lines.empty() ? "" : "\n", array.path, width, elbo::describe(array.shape));
    }
    return lines;
}

} // namespace elbo::training

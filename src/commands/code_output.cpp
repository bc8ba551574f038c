#include "commands/code_output.hpp"

#include "base/error.hpp"

#include <fmt/format.h>

#include <sstream>

namespace elbo::commands {
namespace {

using storage::ElementType;
using storage::RowArray;

bool is_npy(const std::string& name) { return name.ends_with(".npy"); }

/// In the order in which CodeOutput::write() has them.
std::vector<RowArray> arrays_of(const CodeOutputOptions& options) {
    const Shape each = {options.samples, options.latent};
    std::vector<RowArray> arrays = {{"/mean", each, ElementType::f32}};
    if (is_npy(options.name)) return arrays;
    arrays.push_back({"/log_variance", each, ElementType::f32});
    if (options.draws > 0)
        arrays.push_back({"/z", options.draws == 1 ? each : Shape{options.samples, options.draws, options.latent},
                          ElementType::f32});
    if (!options.figure.empty())
        arrays.push_back({"/" + std::string(options.figure), {options.samples}, ElementType::f64});
    return arrays;
}

/// Where rank 0 has made the file, as it tells the others.
std::string place_of(const storage::RowFile& file) {
    std::string text = fmt::format("{}", file.bytes());
    for (const RowArray& array : file.arrays()) text += fmt::format(" {}", array.offset);
    return text + "\n" + file.path().string();
}

/// Nothing where this rank does not see the file.
std::optional<storage::RowWriter> writer_where_seen(const std::string& path, std::uint64_t bytes,
                                                    const std::string& destination) {
    try {
        return storage::RowWriter(path, bytes, destination);
    } catch (const Error&) {
        return {};
    }
}

} // namespace

CodeOutput::CodeOutput(const comm::Communicator& world, const CodeOutputOptions& options)
    : is_npy_(is_npy(options.name)), arrays_(arrays_of(options)) {
    std::string place;
    world.on_first([&] {
        file_.emplace(is_npy_ ? storage::RowFile::npy(options.name, arrays_.front())
                              : storage::RowFile::hdf5(options.name, arrays_, options.texts));
        place = place_of(*file_);
        writer_.emplace(file_->path(), file_->bytes(), options.name);
    });
    place = world.broadcast(place);
    std::istringstream numbers(place.substr(0, place.find('\n')));
    std::uint64_t bytes = 0;
    numbers >> bytes;
    for (RowArray& array : arrays_) numbers >> array.offset;
    if (!writer_) writer_ = writer_where_seen(place.substr(place.find('\n') + 1), bytes, options.name);
    shared_ = world.least(writer_ ? 1 : 0) == 1;
}

void CodeOutput::write(std::uint64_t first, const CodeRows& codes) {
    std::size_t next = 0;
    const auto write = [&](auto values) { writer_->write(arrays_.at(next++), first, std::as_bytes(values)); };
    write(codes.mean);
    if (is_npy_) return;
    write(codes.log_variance);
    if (!codes.z.empty()) write(codes.z);
    if (next < arrays_.size()) write(codes.figure);
}

void CodeOutput::commit(const comm::Communicator& world) {
    world.together([&] {
        if (writer_ && (shared_ || world.first())) writer_->finish();
    });
    world.on_first([&] { file_->commit(); });
}

std::string CodeOutput::contents() const {
    if (is_npy_) return fmt::format("the means ({})", describe(arrays_.front().shape));
    std::string text;
    for (const RowArray& array : arrays_)
        text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", array.name, describe(array.shape));
    return text;
}

void require_code_name(const std::string& name) {
    if (!is_npy(name) && !name.ends_with(".h5") && !name.ends_with(".hdf5"))
        reject("{}: expected an output whose name ends in .h5 or .npy", name);
}

} // namespace elbo::commands

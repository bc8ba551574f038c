#include "commands/code_output.hpp"

#include "base/error.hpp"
#include "commands/output_file.hpp"
#include "storage/dataset.hpp"
#include "storage/npy_writer.hpp"

#include <fmt/format.h>

namespace elbo::commands {
namespace {

using storage::ElementType;
using About = std::vector<std::pair<std::string, std::string>>;

/// /mean, /log_variance, /z and /<figure>.
class Hdf5Codes final : public CodeOutput {
public:
    explicit Hdf5Codes(const CodeOutputOptions& options) : writer_(options.name), figure_(options.figure) {
        const Shape each = {options.samples, options.latent};
        create("/mean", each, ElementType::f32);
        create("/log_variance", each, ElementType::f32);
        has_z_ = options.draws > 0;
        if (has_z_)
            create("/z", options.draws == 1 ? each : Shape{options.samples, options.draws, options.latent},
                   ElementType::f32);
        if (!figure_.empty()) create("/" + figure_, {options.samples}, ElementType::f64);
    }

    void add(std::size_t rows, const CodeRows& codes) override {
        const auto write = [&](const std::string& name, auto values) {
            writer_.write_rows(name, written_, rows, std::as_bytes(values));
        };
        write("/mean", codes.mean);
        write("/log_variance", codes.log_variance);
        if (has_z_) write("/z", codes.z);
        if (!figure_.empty()) write("/" + figure_, codes.figure);
        written_ += rows;
    }

    std::string commit(const About& about) override {
        for (const auto& [name, text] : about) writer_.attribute("/", name, text);
        writer_.commit();
        return contents_;
    }

private:
    void create(const std::string& name, const Shape& shape, ElementType type) {
        writer_.create(name, shape, type);
        contents_ += fmt::format("{}{} ({})", contents_.empty() ? "" : ", ", name, describe(shape));
    }

    storage::DatasetFileWriter writer_;
    std::string figure_, contents_;
    bool has_z_ = false;
    std::uint64_t written_ = 0;
};

class NpyMeans final : public CodeOutput {
public:
    explicit NpyMeans(const CodeOutputOptions& options)
        : shape_{options.samples, options.latent}, writer_(options.name, shape_, ElementType::f32) {}

    void add(std::size_t, const CodeRows& codes) override { writer_.write(std::as_bytes(codes.mean)); }

    std::string commit(const About&) override {
        writer_.commit();
        return fmt::format("the means ({})", describe(shape_));
    }

private:
    Shape shape_;
    storage::NpyWriter writer_;
};

bool is_npy(const std::string& name) { return name.ends_with(".npy"); }

} // namespace

void require_code_name(const std::string& name) {
    if (!is_npy(name) && !name.ends_with(".h5") && !name.ends_with(".hdf5"))
        reject("{}: expected an output whose name ends in .h5 or .npy", name);
}

std::unique_ptr<CodeOutput> open_code_output(const CodeOutputOptions& options) {
    require_new_file("output", options.name, options.replace);
    if (is_npy(options.name)) return std::make_unique<NpyMeans>(options);
    return std::make_unique<Hdf5Codes>(options);
}

} // namespace elbo::commands

#include "commands/image_output.hpp"

#include "commands/reconstruction_figures.hpp"
#include "storage/npy_writer.hpp"

#include <utility>

namespace elbo::commands {

CommandFiles files_of(const ImageOptions& options) { return {{{"-o", options.output, existing(options.force)}}}; }

ImageOutput ImageOutput::open(const comm::Communicator& world, const ImageOptions& options) {
    const std::string extension = std::filesystem::path(options.output).extension().string();
    const bool hdf5 = extension == ".h5" || extension == ".hdf5";
    world.on_first([&] {
        if (!hdf5 && extension != ".npy" && extension != ".png")
            reject("-o {}: expected a name that ends in .png, .npy or .h5", options.output);
    });
    return {options.output, hdf5 ? Kind::hdf5 : extension == ".npy" ? Kind::npy : Kind::png};
}

void ImageOutput::write(const ImageResult& result, const Asked& asked) const {
    if (kind_ == Kind::png) return images::write_png(file_, result.picture());
    if (kind_ == Kind::npy) {
        storage::NpyWriter writer(file_, result.array.shape, storage::ElementType::f32);
        writer.write(std::as_bytes(result.array.values));
        return writer.commit();
    }
    storage::DatasetFileWriter writer(file_);
    for (const NamedArray& table : result.tables) {
        writer.create(table.name, table.shape, storage::ElementType::f32);
        writer.write_rows(table.name, 0, table.shape.at(0), std::as_bytes(table.values));
    }
    for (const auto& [name, text] : asked.about()) writer.attribute("/", name, text);
    writer.commit();
}

std::vector<float> shown(std::span<const float> values, const data::Dataset& dataset) {
    const auto [least, greatest] = value_range(dataset);
    std::vector<float> out;
    out.reserve(values.size());
    const double range = std::max(greatest - least, 1e-30);
    for (const float value : values) out.push_back(static_cast<float>((value - least) / range));
    return out;
}

Shape several(std::size_t count, const Shape& shape) {
    Shape all = {count};
    all.insert(all.end(), shape.begin(), shape.end());
    return all;
}

} // namespace elbo::commands

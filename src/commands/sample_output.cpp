#include "commands/sample_output.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "commands/output_file.hpp"
#include "images/picture.hpp"
#include "storage/dataset.hpp"
#include "storage/npy_writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

namespace elbo::commands {
namespace {

namespace fs = std::filesystem;
using About = std::vector<std::pair<std::string, std::string>>;
using Options = SampleOutputOptions;

constexpr std::size_t most_grid_pixels = std::size_t{64} << 20;

std::size_t side_of(std::uint64_t images) {
    return static_cast<std::size_t>(std::ceil(std::sqrt(static_cast<double>(images))));
}

Shape shape_of(const Options& options) {
    Shape shape = {static_cast<std::size_t>(options.samples)};
    shape.insert(shape.end(), options.sample_shape.begin(), options.sample_shape.end());
    return shape;
}

void require_images(const Options& options) {
    if (!images::is_image(options.sample_shape))
        reject("-o {}: samples of {} are no images; write them to a file that ends in .npy or .h5", options.name,
               describe(options.sample_shape));
}

/// From samples' values to [0, 1].
class Shading {
public:
    explicit Shading(const std::optional<Shades>& shades) : shades_(shades), given_(shades.has_value()) {}

    void apply(std::span<float> values) {
        if (!shades_) {
            const auto [least, greatest] = std::ranges::minmax(values);
            shades_ = {least, greatest};
        }
        const float range = std::max(shades_->second - shades_->first, 1e-30f);
        for (float& value : values) value = (value - shades_->first) / range;
    }

    /// "", or ", black -1.2, white 3.4" where nobody would guess.
    std::string text() const {
        if (given_ && *shades_ == Shades{0, 1}) return "";
        return fmt::format(", black {:.4g}, white {:.4g}", shades_->first, shades_->second);
    }

private:
    std::optional<Shades> shades_;
    bool given_;
};

class Grid final : public SampleOutput {
public:
    explicit Grid(const Options& options)
        : options_(options), shading_(options.shades), side_(side_of(options.samples)) {
        require_images(options);
        if (images::grid_pixels(options.sample_shape, options.samples, side_) > most_grid_pixels)
            reject(
                "-o {}: a grid of {} images has more than {} million pixels; write them to a folder, whose name ends "
                "in /, or to a file that ends in .npy or .h5",
                options.name, with_commas(options.samples), most_grid_pixels >> 20);
    }

    void add(Matrix<const float> rows) override {
        for (std::size_t i = 0; i < rows.rows(); ++i)
            values_.insert(values_.end(), rows.row(i).begin(), rows.row(i).end());
    }

    std::string commit(const About&) override {
        shading_.apply(values_);
        const Matrix<const float> all(values_.data(), options_.samples, elements(options_.sample_shape));
        images::write_png(options_.name, images::grid(options_.sample_shape, {{{all}, side_}}));
        const std::size_t lines = (options_.samples + side_ - 1) / side_;
        return fmt::format("a grid of {} x {} images{}", lines, side_, shading_.text());
    }

private:
    Options options_;
    Shading shading_;
    std::size_t side_;
    std::vector<float> values_;
};

/// "000017.png", in a folder that is made where it is not there.
class Files final : public SampleOutput {
public:
    explicit Files(const Options& options) : options_(options), folder_(options.name), shading_(options.shades) {
        require_images(options);
        if (!folder_.has_filename()) folder_ = folder_.parent_path(); // without the slash
        require_folder("-o", folder_);
        if (fs::exists(folder_) && !fs::is_directory(folder_)) reject("-o {}: is a file", options.name);
        if (fs::is_directory(folder_) && !fs::is_empty(folder_) && !options.replace)
            reject("-o {}: holds files already; name another folder, or replace files of the same names with --force",
                   options.name);
        digits_ = std::max<std::size_t>(6, fmt::format("{}", options.samples - 1).size());
    }

    void add(Matrix<const float> rows) override {
        if (written_ == 0) fs::create_directory(folder_);
        std::vector<float> values;
        for (std::size_t i = 0; i < rows.rows(); ++i)
            values.insert(values.end(), rows.row(i).begin(), rows.row(i).end());
        shading_.apply(values);
        for (std::size_t i = 0; i < rows.rows(); ++i)
            images::write_png(
                folder_ / fmt::format("{:0{}}.png", written_++, digits_),
                images::single(options_.sample_shape, std::span(values).subspan(i * rows.columns(), rows.columns())));
    }

    std::string commit(const About&) override {
        return fmt::format("{} images of {}{}", with_commas(written_), describe(options_.sample_shape),
                           shading_.text());
    }

private:
    Options options_;
    fs::path folder_;
    Shading shading_;
    std::size_t digits_;
    std::uint64_t written_ = 0;
};

class Npy final : public SampleOutput {
public:
    explicit Npy(const Options& options) : shape_(shape_of(options)), writer_(options.name, shape_, type) {}

    void add(Matrix<const float> rows) override {
        writer_.write(std::as_bytes(std::span(rows.data(), rows.rows() * rows.columns())));
    }

    std::string commit(const About&) override {
        writer_.commit();
        return fmt::format("{}, float32", describe(shape_));
    }

private:
    static constexpr storage::ElementType type = storage::ElementType::f32;

    Shape shape_;
    storage::NpyWriter writer_;
};

class Hdf5 final : public SampleOutput {
public:
    explicit Hdf5(const Options& options) : options_(options), shape_(shape_of(options)) {
        writer_ = std::make_unique<storage::DatasetFileWriter>(options.name);
        writer_->create("/x", shape_, storage::ElementType::f32);
    }

    void add(Matrix<const float> rows) override {
        writer_->write_rows("/x", written_, rows.rows(),
                            std::as_bytes(std::span(rows.data(), rows.rows() * rows.columns())));
        written_ += rows.rows();
    }

    std::string commit(const About& about) override {
        writer_->attribute("/x", "values", options_.about_values);
        for (const auto& [name, text] : about) writer_->attribute("/", name, text);
        writer_->commit();
        return fmt::format("/x of {}, float32", describe(shape_));
    }

private:
    Options options_;
    Shape shape_;
    std::unique_ptr<storage::DatasetFileWriter> writer_;
    std::uint64_t written_ = 0;
};

template <class Output>
std::unique_ptr<SampleOutput> make(const Options& options) {
    return std::make_unique<Output>(options);
}

struct Kind {
    std::string_view ending;
    bool images;
    std::unique_ptr<SampleOutput> (*make)(const Options& options);
};

constexpr Kind kinds[] = {
    {".png", true, make<Grid>}, {"/", true, make<Files>},     {".npy", false, make<Npy>},
    {".h5", false, make<Hdf5>}, {".hdf5", false, make<Hdf5>},
};

const Kind& kind_of(const std::string& name) {
    for (const Kind& kind : kinds)
        if (name.ends_with(kind.ending) && name.size() > kind.ending.size()) return kind;
    reject("-o {}: expected a name that ends in .png (a grid), / (a folder of PNG files), .npy or .h5", name);
}

} // namespace

void require_sample_name(const std::string& name) { kind_of(name); }

bool shows_images(const std::string& name) { return kind_of(name).images; }

std::unique_ptr<SampleOutput> open_sample_output(const SampleOutputOptions& options) {
    return kind_of(options.name).make(options);
}

} // namespace elbo::commands

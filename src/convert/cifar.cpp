// The binary version of CIFAR-10 and CIFAR-100 (Krizhevsky 2009): a record is one label, or a coarse and a fine one,
// and 3 x 32 x 32 bytes, plane by plane; stored here as 32 x 32 x 3.
#include "base/error.hpp"
#include "convert/convert.hpp"
#include "convert/row_files.hpp"

#include <algorithm>
#include <fstream>
#include <optional>

namespace elbo::convert {

namespace {

namespace fs = std::filesystem;
using storage::ElementType;

constexpr std::size_t side = 32, channels = 3, plane = side * side, image_bytes = channels * plane;

struct Kind {
    std::size_t labels;               ///< bytes before the image
    std::size_t classes, coarse;      ///< of the last label, and of the first of two
    const char *names, *coarse_names; ///< files of class names beside the data
    std::size_t record() const { return labels + image_bytes; }
};
constexpr Kind kinds[] = {
    {1, 10, 0, "batches.meta.txt", ""},
    {2, 100, 20, "fine_label_names.txt", "coarse_label_names.txt"},
};

std::optional<Kind> kind_of(const fs::path& file) {
    std::error_code error;
    const std::uintmax_t bytes = fs::file_size(file, error);
    if (error || bytes == 0) return {};
    for (const Kind& kind : kinds)
        if (bytes % kind.record() == 0) return kind;
    return {};
}

bool is_batch(const fs::path& file) {
    const std::string name = file.filename().string();
    const bool known =
        name.starts_with("data_batch") || name == "test_batch.bin" || name == "train.bin" || name == "test.bin";
    return known && name.ends_with(".bin") && fs::is_regular_file(file);
}

std::vector<fs::path> batches_of(const fs::path& folder) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(folder))
        if (is_batch(entry.path())) files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    return files;
}

/// A line each; nothing where there is no such file or it has another number of names.
std::vector<std::string> read_names(const fs::path& file, std::size_t count) {
    std::vector<std::string> names;
    std::ifstream stream(file);
    for (std::string line; names.size() <= count && std::getline(stream, line);)
        if (!line.empty() && line.size() < 100) names.push_back(line);
    if (names.size() != count) return {};
    return names;
}

class CifarSource : public Source {
public:
    explicit CifarSource(const std::vector<std::string>& sources) {
        std::vector<fs::path> files;
        for (const std::string& source : sources) {
            if (!fs::is_directory(source)) {
                files.emplace_back(source);
                continue;
            }
            const std::vector<fs::path> found = batches_of(source);
            if (found.empty()) reject("{}: holds no data_batch_1.bin, train.bin or the like", source);
            files.insert(files.end(), found.begin(), found.end());
        }
        for (const fs::path& file : files) add(file);
        const fs::path folder = files.front().parent_path();
        std::vector<Field> fields = {{"x", {side, side, channels}, ElementType::u8, {}},
                                     {"y", {}, ElementType::u8, read_names(folder / kind_->names, kind_->classes)}};
        if (kind_->coarse > 0)
            fields.push_back({"coarse", {}, ElementType::u8, read_names(folder / kind_->coarse_names, kind_->coarse)});
        for (std::size_t part = 0; part < parts_.size(); ++part) {
            parts_[part].fields = fields;
            parts_[part].items = files_[part].rows();
        }
    }

    const std::vector<Part>& parts() const override { return parts_; }
    bool divisible() const override { return true; }

    std::vector<Bad> read(std::size_t part, std::size_t begin, std::size_t count,
                          std::span<const std::span<std::byte>> rows) override {
        const std::size_t record = kind_->record();
        records_.resize(count * record);
        files_[part].read(begin, records_);
        std::vector<Bad> bad;
        for (std::size_t i = 0; i < count; ++i) {
            const std::byte* from = records_.data() + i * record;
            const auto label = std::to_integer<std::size_t>(from[kind_->labels - 1]);
            const std::size_t coarse = kind_->coarse > 0 ? std::to_integer<std::size_t>(from[0]) : 0;
            if (label >= kind_->classes || (kind_->coarse > 0 && coarse >= kind_->coarse)) {
                bad.push_back(
                    {begin + i, fmt::format("{}: has label {}, expected one of {} classes",
                                            files_[part].where(begin + i), label >= kind_->classes ? label : coarse,
                                            label >= kind_->classes ? kind_->classes : kind_->coarse)});
                continue;
            }
            rows[1][i] = static_cast<std::byte>(label);
            if (kind_->coarse > 0) rows[2][i] = static_cast<std::byte>(coarse);
            std::byte* to = rows[0].data() + i * image_bytes;
            for (std::size_t pixel = 0; pixel < plane; ++pixel)
                for (std::size_t channel = 0; channel < channels; ++channel)
                    *to++ = from[kind_->labels + channel * plane + pixel];
        }
        return bad;
    }

private:
    void add(const fs::path& file) {
        if (!fs::is_regular_file(file)) reject("{}: no such file", file.string());
        const std::optional<Kind> kind = kind_of(file);
        if (!kind || (kind_ && kind_->labels != kind->labels)) {
            reject("{}: has {} bytes, expected a multiple of {}", file.string(), fs::file_size(file),
                   kind_ ? fmt::format("{} as the files before", kind_->record())
                         : fmt::format("{} (CIFAR-10) or {} (CIFAR-100)", kinds[0].record(), kinds[1].record()));
        }
        kind_ = kind;
        const bool test = file.filename().string().starts_with("test");
        const std::string name = test ? "test" : "train";
        auto part = std::find_if(parts_.begin(), parts_.end(), [&](const Part& one) { return one.name == name; });
        if (part == parts_.end()) {
            parts_.push_back({name, 0, {}});
            files_.emplace_back();
            part = parts_.end() - 1;
        }
        files_[static_cast<std::size_t>(part - parts_.begin())].add(file.string(), 0, kind->record());
    }

    std::optional<Kind> kind_;
    std::vector<Part> parts_;
    std::vector<RowFiles> files_; ///< of each part
    std::vector<std::byte> records_;
};

std::unique_ptr<Source> open_cifar(const Request& request) { return std::make_unique<CifarSource>(request.sources); }

bool recognises_cifar(const std::string& source) {
    std::error_code ignored;
    return fs::is_directory(source, ignored) && !batches_of(source).empty();
}

/// A file by its name and size: it has nothing else to be known by.
bool claims_cifar(const std::string& source) { return is_batch(source) && kind_of(source).has_value(); }

} // namespace

Format cifar_format() {
    return {"cifar",
            "CIFAR-10 or CIFAR-100, binary version: .bin files or their folder",
            recognises_cifar,
            open_cifar,
            {},
            claims_cifar};
}

} // namespace elbo::convert

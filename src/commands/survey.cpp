#include "commands/survey.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "data/dataset.hpp"
#include "data/types.hpp"
#include "images/picture.hpp"
#include "report/terminal.hpp"

#include <algorithm>
#include <chrono>
#include <vector>

namespace elbo::commands {
namespace {

using storage::DatasetInfo;

constexpr std::size_t piece_bytes = 8 << 20;
constexpr std::size_t piece_rows = 4096;
constexpr std::size_t most_elements = 4 << 20; ///< of a sample: five doubles each

/// Rows as floats of the model's scale, but for types whose range says nothing of what they show.
void to_unit_range(std::vector<double>& pixels, storage::ElementType type) {
    if (type == storage::ElementType::u8) {
        for (double& pixel : pixels) pixel *= data::natural_scale(type);
        return;
    }
    const auto [least, greatest] = std::ranges::minmax(pixels);
    const double range = greatest > least ? greatest - least : 1;
    for (double& pixel : pixels) pixel = (pixel - least) / range;
}

} // namespace

storage::DatasetReader open_again(const DatasetInfo& info, storage::Outside outside) {
    if (info.locations.empty()) return {info.file, info.name, outside};
    return storage::DatasetReader(info.locations, outside);
}

std::optional<data::Statistics> survey(const DatasetInfo& info, storage::Outside outside) {
    using Clock = std::chrono::steady_clock;
    const std::size_t width = elements(info.sample_shape()), rows = info.rows();
    if (width > most_elements) return {};
    const storage::DatasetReader reader = open_again(info, outside);
    const std::size_t piece = std::clamp<std::size_t>(piece_bytes / info.row_bytes(), 1, piece_rows);
    std::vector<std::byte> bytes(std::min(piece, rows) * info.row_bytes());
    data::Statistics statistics(width);
    report::Terminal terminal(true, report::Verbosity::normal);
    const Clock::time_point start = Clock::now();
    for (std::size_t row = 0; row < rows; row += piece) {
        const std::size_t count = std::min(piece, rows - row);
        const std::span<std::byte> some = std::span(bytes).first(count * info.row_bytes());
        reader.read_rows(row, count, some);
        statistics.add(info.type, some);
        if (!terminal.wants_live()) continue;
        const auto done = static_cast<double>(row + count), all = static_cast<double>(rows);
        const double rate = done / std::max(std::chrono::duration<double>(Clock::now() - start).count(), 1e-9);
        terminal.live({"reading", done / all, with_commas(row + count) + " rows", rate, (all - done) / rate});
    }
    return statistics;
}

void draw_samples(const storage::DatasetReader& reader, const std::filesystem::path& png) {
    constexpr std::size_t per_row = 10, most = 100, most_pixels = 16 << 20;
    const DatasetInfo& info = reader.info();
    const Shape shape = info.sample_shape();
    if (!images::is_image(shape))
        reject("{}:{}: samples of {} are no images; --picture needs (N, H, W) or (N, H, W, C) of 1 or 3 channels",
               info.file, info.name, describe(shape));
    const std::size_t width = elements(shape);
    const std::size_t count = std::min({most, info.rows(), std::max<std::size_t>(1, most_pixels / width)});
    std::vector<std::byte> row(info.row_bytes());
    std::vector<double> pixels;
    for (std::size_t i = 0; i < count; ++i) {
        reader.read_rows(i * info.rows() / count, 1, row);
        data::with_type(info.type, [&](auto zero) {
            const auto values = data::values_of<decltype(zero)>(row);
            pixels.insert(pixels.end(), values.begin(), values.end());
        });
    }
    to_unit_range(pixels, info.type);
    const std::vector<float> values(pixels.begin(), pixels.end());
    images::Block block{{}, per_row};
    for (std::size_t begin = 0; begin < count; begin += per_row)
        block.rows.emplace_back(&values[begin * width], std::min(per_row, count - begin), width);
    images::write_png(png, images::grid(shape, {block}));
}

} // namespace elbo::commands

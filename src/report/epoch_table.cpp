#include "report/epoch_table.hpp"

#include "base/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace elbo::report {
namespace {

// Widths of cells, with the space before them.
constexpr std::size_t elbo_width = 10, kl_width = 10, reconstruction_width = 16, validation_width = 13,
                      speed_width = 10, time_width = 13;

std::string cell(const std::string& text, std::size_t width) { return fmt::format("{:>{}}", text, width); }
std::string nats(double value, std::size_t width) { return cell(fmt::format("{:.2f}", value), width); }

} // namespace

EpochTable::EpochTable(std::uint64_t epochs, std::size_t columns)
    : epoch_width_(std::max<std::size_t>(8, 2 * fmt::format("{}", epochs).size() + 2)) {
    std::size_t taken = epoch_width_ + elbo_width + validation_width;
    const auto fits = [&](std::size_t width) {
        const bool has_room = taken + width <= columns;
        if (has_room) taken += width;
        return has_room;
    };
    kl_ = fits(kl_width);
    speed_ = kl_ && fits(speed_width);
    time_left_ = speed_ && fits(time_width);
    reconstruction_ = time_left_ && fits(reconstruction_width);
}

std::string EpochTable::header() const {
    std::string line = cell("epoch", epoch_width_) + cell("ELBO", elbo_width);
    if (reconstruction_) line += cell("reconstruction", reconstruction_width);
    if (kl_) line += cell("KL", kl_width);
    line += cell("validation", validation_width - 1);
    if (speed_) line += cell("samples/s", speed_width + 1);
    if (time_left_) line += "  time left";
    return line;
}

EpochTable::Row EpochTable::row(const EpochLine& line) const {
    Row row;
    row.before = cell(fmt::format("{}/{}", line.epoch, line.epochs), epoch_width_) +
                 nats(line.reconstruction - line.kl, elbo_width);
    if (reconstruction_) row.before += nats(line.reconstruction, reconstruction_width);
    if (kl_) row.before += nats(line.kl, kl_width);
    const std::string validation =
        line.validation_elbo ? fmt::format("{:.2f}{}", *line.validation_elbo, line.best ? "*" : " ") : "- ";
    row.validation = cell(validation, validation_width);
    const auto speed = static_cast<std::uint64_t>(std::llround(line.samples_per_second));
    if (speed_) row.after += cell(with_commas(speed), speed_width);
    if (time_left_) row.after += "  " + (line.epoch == line.epochs ? "-" : human_duration(line.seconds_left));
    return row;
}

} // namespace elbo::report

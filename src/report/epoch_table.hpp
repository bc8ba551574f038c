// The table that training prints, a line an epoch: as many columns as there is room for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace elbo::report {

/// An epoch's line. Means in nats a sample.
struct EpochLine {
    std::uint64_t epoch = 0, epochs = 0;
    double reconstruction = 0, kl = 0;
    std::optional<double> validation_elbo;
    bool best = false;
    double samples_per_second = 0, seconds_left = 0;
    std::optional<std::pair<std::uint64_t, double>> weighted; ///< draws K and the bound L_K of validation data
};

class EpochTable {
public:
    /// columns: of the terminal, or 80. What matters least is left out first: the reconstruction, the time that is
    /// left, the speed, the KL.
    EpochTable(std::uint64_t epochs, std::size_t columns);

    std::string header() const;
    /// An epoch's cells, and between them the validation ELBO with its mark, to be shown as the best.
    struct Row {
        std::string before, validation, after;
    };
    Row row(const EpochLine& line) const;

    /// Two tables with the same look go on from each other.
    bool operator==(const EpochTable&) const = default;

private:
    std::size_t epoch_width_;
    bool kl_, reconstruction_, speed_, time_left_;
};

} // namespace elbo::report

// The lines of metrics.jsonl and events.jsonl, and status.json: one JSON object each.
#pragma once

#include "base/error.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace elbo::report {

/// One line of metrics.jsonl. ELBO and its terms are means in nats a sample; elbo = reconstruction - kl.
struct Metrics {
    std::string_view kind; ///< "train" or "validation"
    std::string_view over; ///< what a train line is the mean of: "steps" since the last such line, or the "epoch"
    std::uint64_t epoch = 0, step = 0, samples = 0;
    double reconstruction = 0, kl = 0;
    std::optional<double> rate, kl_weight; ///< train lines alone
    std::optional<double> gradient_norm;   ///< the same: of the last step, before clipping
    double seconds = 0;                    ///< of training since the run began
    double samples_per_second = 0;
    /// Validation lines alone: latents whose posterior mean varies over the data; draws K and the bound L_K.
    std::optional<std::uint64_t> active_units;
    std::optional<std::pair<std::uint64_t, double>> weighted;
    double elbo() const { return reconstruction - kl; }
};

std::string metrics_line(const Metrics& metrics);

/// A line of metrics.jsonl read back: which it is, and its figures by name (not epoch, step and samples).
struct LoggedLine {
    std::string kind, over;
    std::uint64_t epoch = 0, step = 0;
    std::vector<std::pair<std::string, double>> figures;
    std::optional<double> figure(std::string_view name) const;
};

/// Nothing where the text is no such line.
std::optional<LoggedLine> parse_metrics_line(std::string_view text);

/// Nothing is null.
using Value = std::variant<std::monostate, std::int64_t, double, std::string, bool>;
/// In order; a dot in a name stands for an object within the object.
using Fields = std::vector<std::pair<std::string, Value>>;

/// One line of events.jsonl: {"time": now in UTC, "event": ..., fields}.
std::string event_line(std::string_view event, const Fields& fields);

/// status.json: what has become of a run. exit is null while it is running.
std::string status_text(std::string_view state, std::optional<Exit> exit, const Fields& fields);

/// status.json read back, as far as it tells.
struct LoggedStatus {
    std::string state, message;
    std::optional<std::uint64_t> epoch, epochs, best_epoch;
    std::optional<double> best_validation_elbo;
};

/// Nothing where the text is no such object.
std::optional<LoggedStatus> parse_status(std::string_view text);

/// The fields as a JSON object on a line.
std::string object_text(const Fields& fields);

/// Now in UTC, "2026-11-20T09:41:07Z".
std::string utc_now();

} // namespace elbo::report

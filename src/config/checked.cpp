// What a core key's checked value is as a C++ type.
#include "base/text.hpp"
#include "config/keys.hpp"
#include "config/values.hpp"

namespace elbo::config {
namespace {

bool is_unset(const Settings::Value& value) { return std::holds_alternative<std::monostate>(value); }

} // namespace

std::size_t Checked::count() const { return static_cast<std::size_t>(std::get<std::int64_t>(value)); }

std::optional<std::size_t> Checked::optional_count() const {
    return is_unset(value) ? std::nullopt : std::optional(count());
}

double Checked::number() const { return std::get<double>(value); }

bool Checked::flag() const { return std::get<bool>(value); }

std::optional<double> Checked::optional_number() const {
    return is_unset(value) ? std::nullopt : std::optional(number());
}

std::optional<double> Checked::optional_seconds() const {
    return is_unset(value) ? std::nullopt : parse_duration(std::get<std::string>(value));
}

std::optional<std::uint64_t> Checked::optional_bytes() const {
    return is_unset(value) ? std::nullopt : parse_bytes(std::get<std::string>(value));
}

std::string Checked::text() const { return is_unset(value) ? std::string() : std::get<std::string>(value); }

std::vector<std::string> Checked::texts() const {
    return is_unset(value) ? std::vector<std::string>() : std::get<std::vector<std::string>>(value);
}

std::vector<std::size_t> Checked::counts() const { return counts_of(text()); }

} // namespace elbo::config

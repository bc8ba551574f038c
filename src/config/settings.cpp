// Access to the checked values of a kind's keys.
#include "config/config.hpp"
#include "config/values.hpp"

#include <fmt/format.h>

#include <stdexcept>

namespace elbo::config {
namespace {

const Settings::Value& value_of(const Settings& settings, std::string_view key) {
    const auto found = settings.values.find(key);
    if (found == settings.values.end()) {
        throw std::logic_error(fmt::format("settings of '{}' have no key '{}'", settings.kind, key));
    }
    return found->second;
}

template <class T>
const T& value_as(const Settings& settings, std::string_view key) {
    if (const T* value = std::get_if<T>(&value_of(settings, key))) return *value;
    throw std::logic_error(fmt::format("key '{}' of '{}' is unset or of another type", key, settings.kind));
}

} // namespace

bool Settings::has(std::string_view key) const { return !std::holds_alternative<std::monostate>(value_of(*this, key)); }

std::int64_t Settings::integer(std::string_view key) const { return value_as<std::int64_t>(*this, key); }

double Settings::number(std::string_view key) const {
    const auto* integer = std::get_if<std::int64_t>(&value_of(*this, key));
    return integer ? static_cast<double>(*integer) : value_as<double>(*this, key);
}

bool Settings::flag(std::string_view key) const { return value_as<bool>(*this, key); }

const std::string& Settings::text(std::string_view key) const { return value_as<std::string>(*this, key); }

bool Settings::is_word(std::string_view key) const { return std::holds_alternative<std::string>(value_of(*this, key)); }

std::vector<std::size_t> Settings::counts(std::string_view key) const { return counts_of(text(key)); }

} // namespace elbo::config

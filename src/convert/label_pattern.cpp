#include "convert/label_pattern.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <vector>

namespace elbo::convert {

namespace {

constexpr std::string_view place = "{label}";

/// Matches one name, remembering what did not fit, so that no pattern takes longer than pattern times name.
class Match {
public:
    Match(std::string_view before, std::string_view after, std::string_view name)
        : before_(before),
          after_(after),
          name_(name),
          failed_((before.size() + after.size() + 2) * (name.size() + 1)) {}

    std::optional<std::string_view> label() {
        if (!fits(0, 0)) return std::nullopt;
        return label_;
    }

private:
    /// Whether what follows element p of the pattern fits what follows character n of the name. The elements: before's
    /// characters, the label, after's characters.
    bool fits(std::size_t p, std::size_t n) {
        const std::size_t state = p * (name_.size() + 1) + n;
        if (failed_[state]) return false;
        const bool fit = p == before_.size() ? label_fits(n) : character_fits(p, n);
        failed_[state] = !fit;
        return fit;
    }

    bool label_fits(std::size_t n) {
        for (std::size_t end = n + 1; end <= name_.size() && name_[end - 1] != '/'; ++end) {
            if (!fits(before_.size() + 1, end)) continue;
            label_ = name_.substr(n, end - n);
            return true;
        }
        return false;
    }

    bool character_fits(std::size_t p, std::size_t n) {
        const std::size_t behind = before_.size() + 1;
        if (p == behind + after_.size()) return n == name_.size();
        const char wanted = p < before_.size() ? before_[p] : after_[p - behind];
        if (wanted != '*') return n < name_.size() && name_[n] == wanted && fits(p + 1, n + 1);
        for (std::size_t end = std::min(name_.find('/', n), name_.size());; --end) {
            if (fits(p + 1, end)) return true;
            if (end == n) return false;
        }
    }

    std::string_view before_, after_, name_, label_;
    std::vector<bool> failed_;
};

} // namespace

LabelPattern::LabelPattern(const std::string& pattern) : text_(pattern) {
    const std::size_t at = pattern.find(place);
    if (at == std::string::npos || pattern.find(place, at + 1) != std::string::npos) {
        reject("--label-pattern {}: expected {} once, as in *_{}.png", pattern, place, place);
    }
    before_ = pattern.substr(0, at);
    after_ = pattern.substr(at + place.size());
    slashes_ = static_cast<std::size_t>(std::count(pattern.begin(), pattern.end(), '/'));
}

std::optional<std::string_view> LabelPattern::find(std::string_view path) const {
    std::size_t begin = path.size();
    for (std::size_t parts = 0; parts <= slashes_; ++parts) {
        if (begin == 0) return std::nullopt;
        const std::size_t slash = path.rfind('/', begin - 1);
        begin = slash == std::string_view::npos ? 0 : slash;
    }
    if (begin > 0) ++begin;
    return Match(before_, after_, path.substr(begin)).label();
}

} // namespace elbo::convert

// The label that a file's name holds: "*_{label}.png" finds 7 in 123_7.png.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace elbo::convert {

/// A pattern of a whole file name, or, where it has a "/", of the end of a path: * stands for any characters but "/",
/// {label} for the label, one character or more but "/". Of several ways to read a name the one counts whose first *
/// is longest, then the next; the label is as short as possible.
class LabelPattern {
public:
    /// Throws InputError where the pattern has no {label}, or more than one.
    explicit LabelPattern(const std::string& pattern);

    /// The label within a path; nothing where the pattern does not fit.
    std::optional<std::string_view> find(std::string_view path) const;
    const std::string& text() const { return text_; }

private:
    std::string text_, before_, after_;
    std::size_t slashes_ = 0;
};

} // namespace elbo::convert

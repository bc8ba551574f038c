// What the names of a source's image files say, in a folder and in an archive alike: splits, classes, labels.
#pragma once

#include "convert/label_pattern.hpp"
#include "convert/source.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace elbo::convert {

/// Names of a source's images, and the parts and labels that follow from them:
/// - a folder that everything lies in counts as the source itself;
/// - train/, test/, validation/ (training, testing, val, valid) are parts, and then everything lies in one of them;
/// - the next folder is the class, whose number is its place among all classes by name (numbers by value);
/// - a pattern finds the label in the file's name instead: numbers as they are, words as classes.
class ImageNames {
public:
    /// source: what messages begin with.
    ImageNames(std::string source, const std::string& label_pattern);

    /// True for train, test, validation and what else such a part's folder is called.
    static bool is_part(std::string_view folder);
    /// True for what a conversion takes: *.png, *.jpg, *.jpeg in any case, and other image formats, so that they are
    /// named as what cannot be read; not for what is hidden.
    static bool is_image(std::string_view path);

    /// A path within the source, parts separated by "/". Throws InputError beyond 128 MiB of names.
    void add(std::string_view path);
    std::size_t size() const { return begins_.size() - 1; }
    std::string_view name(std::size_t number) const;

    /// Finds parts and labels; items of a part are in the order of their names, or (false) in that of add(). Throws
    /// InputError where there are no images, or where folders contradict each other.
    void arrange(bool by_name);

    struct Images {
        std::string part;
        std::vector<std::uint32_t> numbers; ///< of name(), an item each
        std::vector<std::int64_t> labels;   ///< empty: none; no_label: the pattern does not fit
    };
    static constexpr std::int64_t no_label = -1;
    const std::vector<Images>& parts() const { return parts_; }
    const std::vector<std::string>& classes() const { return classes_; }
    /// Of all labels; not set where no part has any.
    std::optional<Field> labels() const;

private:
    using Labels = std::map<std::string_view, std::int64_t>;
    std::size_t common_folder() const;
    void divide(const std::vector<std::uint32_t>& order);
    std::string_view within_part(const Images& images, std::uint32_t number) const;
    std::optional<std::string_view> label_word(const Images& images, std::uint32_t number) const;
    void check_classes(const Images& images) const;
    void number(Labels& labels);

    std::string source_;
    std::optional<LabelPattern> pattern_;
    std::string pool_;                        ///< all names, one after the other
    std::vector<std::uint32_t> begins_ = {0}; ///< of each in the pool, and the end
    std::size_t skipped_ = 0;                 ///< characters of the folder that everything lies in
    std::vector<Images> parts_;
    std::vector<std::string> classes_;
    std::int64_t largest_label_ = no_label;
};

} // namespace elbo::convert

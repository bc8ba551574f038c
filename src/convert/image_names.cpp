#include "convert/image_names.hpp"

#include "base/error.hpp"
#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <numeric>

namespace elbo::convert {

namespace {

/// What names may take, each with the numbers that go with it.
constexpr std::size_t most_bytes = 128 << 20, bytes_beside = 20;

constexpr std::array<std::string_view, 3> readable = {"png", "jpg", "jpeg"};
constexpr std::array<std::string_view, 13> unreadable = {"gif",  "bmp", "tif", "tiff", "webp", "jp2", "avif",
                                                         "heic", "ppm", "pgm", "pnm",  "tga",  "jxl"};

std::string lower(std::string_view text) {
    std::string result(text);
    for (char& c : result)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return result;
}

/// The first folder of a path; empty where it is a file's name alone.
std::string_view first_folder(std::string_view path) {
    const std::size_t slash = path.find('/');
    return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

/// The part that a folder of this name is; empty where it is none.
std::string_view split_of(std::string_view folder) {
    struct Split {
        std::string_view part;
        std::array<std::string_view, 3> folders;
    };
    constexpr std::array splits = {Split{"train", {"train", "training", "train"}},
                                   Split{"test", {"test", "testing", "test"}},
                                   Split{"validation", {"validation", "val", "valid"}}};
    const std::string word = lower(folder);
    for (const auto& [part, folders] : splits)
        if (std::find(folders.begin(), folders.end(), word) != folders.end()) return part;
    return {};
}

/// A number from 0 to 18 digits of decimals.
std::optional<std::int64_t> number_of(std::string_view word) {
    constexpr std::size_t most_digits = 18;
    std::int64_t number = 0;
    if (word.empty() || word.size() > most_digits || word.find_first_not_of("0123456789") != std::string_view::npos)
        return std::nullopt;
    std::from_chars(word.data(), word.data() + word.size(), number);
    return number;
}

} // namespace

ImageNames::ImageNames(std::string source, const std::string& label_pattern) : source_(std::move(source)) {
    if (!label_pattern.empty()) pattern_.emplace(label_pattern);
}

bool ImageNames::is_part(std::string_view folder) { return !split_of(folder).empty(); }

bool ImageNames::is_image(std::string_view path) {
    if (path.starts_with('.') || path.find("/.") != std::string_view::npos) return false;
    const std::string_view name = path.substr(path.rfind('/') + 1);
    const std::size_t dot = name.rfind('.');
    if (dot == std::string_view::npos) return false;
    const std::string ending = lower(name.substr(dot + 1));
    return std::find(readable.begin(), readable.end(), ending) != readable.end() ||
           std::find(unreadable.begin(), unreadable.end(), ending) != unreadable.end();
}

void ImageNames::add(std::string_view path) {
    if (pool_.size() + path.size() + (size() + 1) * bytes_beside > most_bytes) {
        reject("{}: the names of its images take more than {} ({} of them so far); convert it in several parts",
               source_, human_bytes(static_cast<double>(most_bytes)), with_commas(size()));
    }
    pool_ += path;
    begins_.push_back(static_cast<std::uint32_t>(pool_.size()));
}

std::string_view ImageNames::name(std::size_t number) const {
    return std::string_view(pool_).substr(begins_[number], begins_[number + 1] - begins_[number]);
}

/// Characters of the folders that all names begin with, up to a part's.
std::size_t ImageNames::common_folder() const {
    std::size_t length = 0;
    while (true) {
        const std::string_view folder = first_folder(name(0).substr(length));
        if (folder.empty() || !split_of(folder).empty()) return length;
        const std::string_view prefix = name(0).substr(0, length + folder.size() + 1);
        for (std::size_t i = 1; i < size(); ++i)
            if (!name(i).starts_with(prefix)) return length;
        length = prefix.size();
    }
}

void ImageNames::arrange(bool by_name) {
    if (size() == 0) reject("{}: holds no PNG or JPEG image", source_);
    std::vector<std::uint32_t> order(size());
    std::iota(order.begin(), order.end(), 0u);
    if (by_name) {
        std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return name(a) < name(b); });
    }
    skipped_ = common_folder();
    divide(order);

    Labels labels;
    for (const Images& images : parts_) {
        if (!pattern_) check_classes(images);
        for (const std::uint32_t number : images.numbers)
            if (const auto word = label_word(images, number)) labels.emplace(*word, no_label);
    }
    if (pattern_ && labels.empty()) {
        reject("{}: --label-pattern {} fits none of its {} names, such as {}", source_, pattern_->text(),
               with_commas(size()), name(order.front()));
    }
    number(labels);
    for (Images& images : parts_) {
        const bool any = std::any_of(images.numbers.begin(), images.numbers.end(),
                                     [&](std::uint32_t number) { return label_word(images, number).has_value(); });
        if (!any && !pattern_) continue;
        images.labels.reserve(images.numbers.size());
        for (const std::uint32_t number : images.numbers) {
            const auto word = label_word(images, number);
            images.labels.push_back(word ? labels.at(*word) : no_label);
        }
    }
}

/// Parts in the order in which they are met.
void ImageNames::divide(const std::vector<std::uint32_t>& order) {
    for (const std::uint32_t number : order) {
        const std::string_view part = split_of(first_folder(name(number).substr(skipped_)));
        auto images =
            std::find_if(parts_.begin(), parts_.end(), [&](const Images& other) { return other.part == part; });
        if (images == parts_.end()) {
            images = parts_.insert(images, Images{std::string(part), {}, {}});
            if (parts_.size() > 1 && (part.empty() || parts_.front().part.empty())) {
                reject("{}: {} lies beside {}; expected all images or none in train, test and validation", source_,
                       name(parts_.front().numbers.front()), name(number));
            }
        }
        images->numbers.push_back(number);
    }
}

/// A name without the folders that everything lies in and that stand for the part.
std::string_view ImageNames::within_part(const Images& images, std::uint32_t number) const {
    const std::string_view path = name(number).substr(skipped_);
    return images.part.empty() ? path : path.substr(path.find('/') + 1);
}

std::optional<std::string_view> ImageNames::label_word(const Images& images, std::uint32_t number) const {
    if (pattern_) return pattern_->find(name(number));
    const std::string_view folder = first_folder(within_part(images, number));
    return folder.empty() ? std::nullopt : std::optional(folder);
}

void ImageNames::check_classes(const Images& images) const {
    const auto in_class = [&](std::uint32_t number) { return label_word(images, number).has_value(); };
    const auto with = std::find_if(images.numbers.begin(), images.numbers.end(), in_class);
    const auto without = std::find_if_not(images.numbers.begin(), images.numbers.end(), in_class);
    if (with != images.numbers.end() && without != images.numbers.end()) {
        reject("{}: {} lies in the folder of a class and {} in none; expected all or none, or --label-pattern", source_,
               name(*with), name(*without));
    }
}

/// Gives every word its number: its own, or its place by name.
void ImageNames::number(Labels& labels) {
    std::vector<std::string_view> words;
    for (const auto& [word, unused] : labels) words.push_back(word);
    const bool numbers = std::all_of(words.begin(), words.end(), [](auto word) { return number_of(word).has_value(); });
    if (numbers) {
        std::stable_sort(words.begin(), words.end(), [](auto a, auto b) { return number_of(a) < number_of(b); });
    }
    for (std::size_t i = 0; i < words.size(); ++i) {
        const bool own = numbers && pattern_;
        labels[words[i]] = own ? *number_of(words[i]) : static_cast<std::int64_t>(i);
        largest_label_ = std::max(largest_label_, labels[words[i]]);
        if (!own) classes_.emplace_back(words[i]);
    }
}

std::optional<Field> ImageNames::labels() const {
    if (largest_label_ == no_label) return std::nullopt;
    const bool small = largest_label_ <= 255;
    return Field{"y", {}, small ? storage::ElementType::u8 : storage::ElementType::i64, classes_};
}

} // namespace elbo::convert

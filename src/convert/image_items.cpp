#include "convert/image_items.hpp"

#include "base/error.hpp"
#include "images/resize.hpp"

#include <algorithm>
#include <cstring>

namespace elbo::convert {

namespace {

std::string_view colours(std::size_t channels) { return channels == 1 ? "grey" : "colour"; }

/// "train" of "data/train/" and of "data/train.tar.gz".
std::string stem(const std::string& source) {
    const std::string trimmed = source.substr(0, source.find_last_not_of('/') + 1);
    const std::string name = trimmed.substr(trimmed.rfind('/') + 1);
    return name.substr(0, name.find('.'));
}

/// Folders that the sources stand for, where they are several and each is a part; else none.
std::vector<std::string> prefixes(const std::vector<std::string>& sources) {
    std::vector<std::string> all;
    for (const std::string& source : sources) all.push_back(stem(source) + "/");
    const bool parts = std::all_of(sources.begin(), sources.end(),
                                   [](const std::string& source) { return ImageNames::is_part(stem(source)); });
    if (!parts || sources.size() < 2) all.assign(sources.size(), "");
    return all;
}

} // namespace

ImageItems::ImageItems(std::vector<std::string> sources, std::string_view between, const ImageOptions& options)
    : sources_(std::move(sources)),
      between_(between),
      prefixes_(prefixes(sources_)),
      options_(options),
      names_(fmt::format("{}", fmt::join(sources_, ", ")), options.label_pattern) {
    if (options_.grey && options_.colour) reject("--gray and --colour exclude each other");
    if (!options_.size) return;
    const auto [height, width] = *options_.size;
    if (height == 0 || width == 0 || height > images::longest_side || width > images::longest_side ||
        height * width > images::most_pixels) {
        reject("--resize {}x{}: expected HEIGHTxWIDTH of at most {} pixels", height, width, images::most_pixels);
    }
}

/// A file's picture in the colours and the size that were asked for, or that the first one had.
template <class Sample>
const images::BasicPicture<Sample>& ImageItems::picture(std::span<const std::byte> file, Pictures<Sample>& own) {
    decoder_.decode(file, own.decoded);
    if (options_.grey) images::make_grey(own.decoded);
    if (options_.colour || channels_ == 3) images::make_colour(own.decoded);
    if (!options_.size) return own.decoded;
    images::resize(own.decoded, options_.size->front(), options_.size->back(), own.resized);
    return own.resized;
}

template <class Sample>
void ImageItems::define(std::span<const std::byte> file, Pictures<Sample>& own) {
    const images::BasicPicture<Sample>& first = picture(file, own);
    height_ = first.height;
    width_ = first.width;
    channels_ = first.channels;
}

void ImageItems::add(std::size_t source, std::string_view path) {
    while (firsts_.size() <= source) firsts_.push_back(static_cast<std::uint32_t>(names_.size()));
    if (prefixes_[source].empty())
        names_.add(path);
    else
        names_.add(prefixes_[source] + std::string(path));
}

std::uint32_t ImageItems::by_place(std::size_t place) const {
    auto part = names_.parts().begin();
    for (; place >= part->numbers.size(); ++part) place -= part->numbers.size();
    return part->numbers[place];
}

std::size_t ImageItems::source_of(std::uint32_t number) const {
    return static_cast<std::size_t>(std::upper_bound(firsts_.begin(), firsts_.end(), number) - firsts_.begin()) - 1;
}

std::string_view ImageItems::path_of(std::uint32_t number) const {
    return names_.name(number).substr(prefixes_[source_of(number)].size());
}

std::string ImageItems::shown(std::uint32_t number) const {
    return fmt::format("{}{}{}", sources_[source_of(number)], between_, path_of(number));
}

bool ImageItems::take_shape(std::uint32_t number, const Load& load) {
    try {
        const std::span<const std::byte> file = load();
        if (options_.deep)
            define(file, deep_pictures_);
        else
            define(file, pictures_);
        model_ = path_of(number);
    } catch (const InputError& error) {
        if (undecoded_++ == 0) why_undecoded_ = fmt::format("{}: {}", shown(number), error.what());
    }
    return channels_ != 0;
}

void ImageItems::finish() {
    if (channels_ == 0) {
        reject("none of the first {} images of {} can be decoded: {}", undecoded_, fmt::join(sources_, ", "),
               why_undecoded_);
    }
    const Shape shape = channels_ == 1 ? Shape{height_, width_} : Shape{height_, width_, channels_};
    const storage::ElementType type = options_.deep ? storage::ElementType::u16 : storage::ElementType::u8;
    const std::optional<Field> labels = names_.labels();
    for (const ImageNames::Images& images : names_.parts()) {
        Part part = {images.part, images.numbers.size(), {Field{"x", shape, type, {}}}};
        if (!images.labels.empty()) part.fields.push_back(labels.value());
        parts_.push_back(std::move(part));
    }
}

template <class Sample>
void ImageItems::make_row(std::span<const std::byte> file, Pictures<Sample>& own, std::span<std::byte> row) {
    const images::BasicPicture<Sample>& found = picture(file, own);
    if (found.height != height_ || found.width != width_) {
        reject("has {} x {} pixels, expected {} x {} as {} has; --resize HxW makes all alike", found.height,
               found.width, height_, width_, model_);
    }
    if (found.channels != channels_) {
        reject("is in {}, expected {} as {} is; --gray or --colour makes all alike", colours(found.channels),
               colours(channels_), model_);
    }
    std::memcpy(row.data(), found.pixels.data(), row.size());
}

void ImageItems::put(std::size_t part, std::size_t item, const Load& load, const Target& target) {
    const ImageNames::Images& images = names_.parts()[part];
    const std::vector<Field>& fields = parts_[part].fields;
    const auto row = [&](std::size_t field) {
        const std::size_t bytes = fields[field].row_bytes();
        return target.rows[field].subspan(target.slot * bytes, bytes);
    };
    try {
        if (!images.labels.empty()) {
            const std::int64_t label = images.labels[item];
            if (label == ImageNames::no_label) reject("does not fit --label-pattern {}", options_.label_pattern);
            const auto small = static_cast<std::uint8_t>(label);
            if (fields[1].type == storage::ElementType::u8)
                std::memcpy(row(1).data(), &small, sizeof(small));
            else
                std::memcpy(row(1).data(), &label, sizeof(label));
        }
        const std::span<const std::byte> file = load();
        if (options_.deep)
            make_row(file, deep_pictures_, row(0));
        else
            make_row(file, pictures_, row(0));
    } catch (const InputError& error) {
        target.bad.push_back({item, fmt::format("{}: {}", shown(number(part, item)), error.what())});
    }
}

} // namespace elbo::convert

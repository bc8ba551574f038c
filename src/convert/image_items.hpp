// Items of a source of images: each file decoded, in grey or colour, resized, compared with the first one, and with the
// label that its name says. What image_folder.cpp and image_archive.cpp share.
#pragma once

#include "convert/image_names.hpp"
#include "convert/source.hpp"
#include "images/decode.hpp"

#include <array>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace elbo::convert {

/// What the user asked of images.
struct ImageOptions {
    std::optional<std::array<std::size_t, 2>> size; ///< height and width
    bool grey = false, colour = false;
    bool deep = false;         ///< 16 bits a channel instead of 8
    std::string label_pattern; ///< empty: folders are classes
};

/// No image file is larger.
constexpr std::size_t largest_image_file = 64 << 20;
/// Images that may be damaged before the first one that is not.
constexpr std::size_t most_tries = 1000;

/// Gives an image file's bytes; throws InputError with the reason alone where it cannot.
using Load = std::function<std::span<const std::byte>()>;

class ImageItems {
public:
    /// sources: folders or archives, whose images are one dataset; where each is named train, test or the like, these
    /// are its parts. between: what stands between a source's name and an image's in messages.
    ImageItems(std::vector<std::string> sources, std::string_view between, const ImageOptions& options);

    /// Adds an image by its path in a source; source by source.
    void add(std::size_t source, std::string_view path);
    /// After the last add(): finds parts and labels, as ImageNames::arrange().
    void arrange(bool by_name) { names_.arrange(by_name); }
    /// After arrange(): takes the shape of samples from an image, the first that can be decoded; false where this one
    /// cannot.
    bool take_shape(std::uint32_t number, const Load& load);
    /// After that: makes parts(). Throws InputError where no image has given a shape.
    void finish();
    const std::vector<Part>& parts() const { return parts_; }

    /// Images are numbered as they were added.
    std::size_t size() const { return names_.size(); }
    std::uint32_t by_place(std::size_t place) const; ///< counted through all parts
    std::uint32_t number(std::size_t part, std::size_t item) const { return names_.parts()[part].numbers[item]; }
    std::size_t source_of(std::uint32_t number) const;
    std::string_view path_of(std::uint32_t number) const; ///< in its source
    std::string shown(std::uint32_t number) const;        ///< for messages

    /// Where an item's rows go, one of each field, and what is wrong with those that have none.
    struct Target {
        std::span<const std::span<std::byte>> rows;
        std::size_t slot;
        std::vector<Bad>& bad;
    };
    void put(std::size_t part, std::size_t item, const Load& load, const Target& target);

private:
    template <class Sample>
    struct Pictures {
        images::BasicPicture<Sample> decoded, resized;
    };
    template <class Sample>
    const images::BasicPicture<Sample>& picture(std::span<const std::byte> file, Pictures<Sample>& own);
    template <class Sample>
    void make_row(std::span<const std::byte> file, Pictures<Sample>& own, std::span<std::byte> row);
    template <class Sample>
    void define(std::span<const std::byte> file, Pictures<Sample>& own);

    std::vector<std::string> sources_;
    std::string between_;
    std::vector<std::string> prefixes_; ///< of paths among the names, by source: "train/", or none
    std::vector<std::uint32_t> firsts_; ///< number of each source's first image
    ImageOptions options_;
    ImageNames names_;
    images::Decoder decoder_;
    Pictures<std::uint8_t> pictures_;
    Pictures<std::uint16_t> deep_pictures_;
    std::size_t height_ = 0, width_ = 0, channels_ = 0; ///< of samples; 0: not known yet
    std::string model_;                                 ///< the image that they come from
    std::size_t undecoded_ = 0;                         ///< tried before it
    std::string why_undecoded_;
    std::vector<Part> parts_;
};

} // namespace elbo::convert

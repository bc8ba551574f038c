// What tests of image sources share: pictures in folders, and all that a source gives.
#pragma once

#include "convert/image_items.hpp"
#include "images/picture.hpp"
#include "support/files.hpp"

#include <array>
#include <cstring>

namespace elbo::convert::testing {

/// A small picture whose pixels all differ by `seed`.
inline images::Picture picture(int seed, std::size_t height = 4, std::size_t width = 6, std::size_t channels = 1) {
    images::Picture made{height, width, channels, {}};
    for (std::size_t i = 0; i < height * width * channels; ++i)
        made.pixels.push_back(static_cast<std::uint8_t>(static_cast<std::size_t>(seed) * 31 + i * 5));
    return made;
}

inline void write_picture(const std::filesystem::path& path, const images::Picture& picture) {
    std::filesystem::create_directories(path.parent_path());
    images::write_png(path, picture);
}

inline std::string png_bytes(const images::Picture& picture) {
    const elbo::testing::TemporaryFolder folder;
    write_picture(folder / "p.png", picture);
    return elbo::testing::bytes_of_file(folder / "p.png");
}

/// Pixels of picture(seed) for each of the seeds, one after the other.
inline std::vector<std::uint8_t> pixels(std::initializer_list<int> seeds) {
    std::vector<std::uint8_t> all;
    for (const int seed : seeds) {
        const std::vector<std::uint8_t> own = picture(seed).pixels;
        all.insert(all.end(), own.begin(), own.end());
    }
    return all;
}

/// Everything of a part, read in pieces of `piece` items.
struct Contents {
    std::vector<std::vector<std::byte>> rows; ///< by field
    std::vector<Bad> bad;

    std::vector<std::uint8_t> values(std::size_t field) const {
        const auto* first = reinterpret_cast<const std::uint8_t*>(rows.at(field).data());
        return {first, first + rows[field].size()};
    }
};

inline Contents contents(Source& source, std::size_t part = 0, std::size_t piece = 3) {
    const Part& about = source.parts().at(part);
    Contents all;
    for (const Field& field : about.fields) all.rows.emplace_back(about.items * field.row_bytes());
    for (std::size_t begin = 0; begin < about.items; begin += piece) {
        const std::size_t count = std::min(piece, about.items - begin);
        std::vector<std::span<std::byte>> rows;
        for (std::size_t f = 0; f < about.fields.size(); ++f) {
            const std::size_t bytes = about.fields[f].row_bytes();
            rows.push_back(std::span(all.rows[f]).subspan(begin * bytes, count * bytes));
        }
        for (Bad& bad : source.read(part, begin, count, rows)) all.bad.push_back(std::move(bad));
    }
    return all;
}

} // namespace elbo::convert::testing

// Letters in pictures: digits, capitals and some signs of 5 x 7 pixels.
#pragma once

#include "images/picture.hpp"

#include <cstddef>
#include <string_view>

namespace elbo::images {

/// Height and width of text whose letters' pixels are squares of `scale` pixels; lines end in newlines.
struct Extent {
    std::size_t height = 0, width = 0;
};
Extent extent_of(std::string_view text, std::size_t scale);

/// Writes text in black from a place on; small letters as capitals, what there is no letter for as a box. What lies
/// outside the picture is left out.
void draw_text(Picture& picture, std::size_t top, std::size_t left, std::size_t scale, std::string_view text);

} // namespace elbo::images

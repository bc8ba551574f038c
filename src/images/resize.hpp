// Pictures in another size, and in grey or RGB. In whole numbers, so that every machine makes the same pixels.
#pragma once

#include "images/picture.hpp"

namespace elbo::images {

/// Each axis by itself. Where it shrinks from n to m: output o is the mean over [o n / m, (o + 1) n / m) of the input,
/// pixels at its ends counting by what of them lies within. Where it grows: linear between the two pixels next to
/// (o + 1/2) n / m - 1/2, the first and last one continued. Rounded once, half up. The sides' ratio is not kept.
/// height, width: 1 to 65,536.
template <class Sample>
void resize(const BasicPicture<Sample>& in, std::size_t height, std::size_t width, BasicPicture<Sample>& out);

/// RGB to luma by ITU-R BT.601, as Pillow has it: (19595 R + 38470 G + 7471 B + 32768) / 65536. In place; grey stays.
template <class Sample>
void make_grey(BasicPicture<Sample>& picture);

/// Grey to RGB, three times the same. In place; RGB stays.
template <class Sample>
void make_colour(BasicPicture<Sample>& picture);

} // namespace elbo::images

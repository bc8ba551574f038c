#include "images/lettering.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace elbo::images {
namespace {

constexpr std::size_t letter_height = 7, letter_width = 5, line_step = 9, letter_step = 6;

/// Lines of a letter from the top; of a line's five bits the highest stands at the left.
using Letter = std::array<std::uint8_t, letter_height>;

constexpr Letter digits[] = {
    {14, 17, 19, 21, 25, 17, 14}, // 0
    {4, 12, 4, 4, 4, 4, 14},      // 1
    {14, 17, 1, 2, 4, 8, 31},     // 2
    {31, 2, 4, 2, 1, 17, 14},     // 3
    {2, 6, 10, 18, 31, 2, 2},     // 4
    {31, 16, 30, 1, 1, 17, 14},   // 5
    {6, 8, 16, 30, 17, 17, 14},   // 6
    {31, 1, 2, 4, 8, 8, 8},       // 7
    {14, 17, 17, 14, 17, 17, 14}, // 8
    {14, 17, 17, 15, 1, 2, 12},   // 9
};

constexpr Letter capitals[] = {
    {14, 17, 17, 17, 31, 17, 17}, // A
    {30, 17, 17, 30, 17, 17, 30}, // B
    {14, 17, 16, 16, 16, 17, 14}, // C
    {28, 18, 17, 17, 17, 18, 28}, // D
    {31, 16, 16, 30, 16, 16, 31}, // E
    {31, 16, 16, 30, 16, 16, 16}, // F
    {14, 17, 16, 23, 17, 17, 15}, // G
    {17, 17, 17, 31, 17, 17, 17}, // H
    {14, 4, 4, 4, 4, 4, 14},      // I
    {7, 2, 2, 2, 2, 18, 12},      // J
    {17, 18, 20, 24, 20, 18, 17}, // K
    {16, 16, 16, 16, 16, 16, 31}, // L
    {17, 27, 21, 21, 17, 17, 17}, // M
    {17, 17, 25, 21, 19, 17, 17}, // N
    {14, 17, 17, 17, 17, 17, 14}, // O
    {30, 17, 17, 30, 16, 16, 16}, // P
    {14, 17, 17, 17, 21, 18, 13}, // Q
    {30, 17, 17, 30, 20, 18, 17}, // R
    {15, 16, 16, 14, 1, 1, 30},   // S
    {31, 4, 4, 4, 4, 4, 4},       // T
    {17, 17, 17, 17, 17, 17, 14}, // U
    {17, 17, 17, 17, 17, 10, 4},  // V
    {17, 17, 17, 21, 21, 21, 10}, // W
    {17, 17, 10, 4, 10, 17, 17},  // X
    {17, 17, 17, 10, 4, 4, 4},    // Y
    {31, 1, 2, 4, 8, 16, 31},     // Z
};

constexpr Letter space = {}, point = {0, 0, 0, 0, 0, 12, 12}, minus = {0, 0, 0, 31, 0, 0, 0};
constexpr Letter plus = {0, 4, 4, 31, 4, 4, 0}, box = {31, 17, 17, 17, 17, 17, 31};

const Letter& letter_of(char c) {
    if (c >= '0' && c <= '9') return digits[c - '0'];
    if (c >= 'A' && c <= 'Z') return capitals[c - 'A'];
    if (c >= 'a' && c <= 'z') return capitals[c - 'a'];
    if (c == ' ') return space;
    if (c == '.') return point;
    if (c == '-') return minus;
    return c == '+' ? plus : box;
}

void draw_letter(Picture& picture, std::size_t top, std::size_t left, std::size_t scale, const Letter& letter) {
    for (std::size_t y = top; y < std::min(top + letter_height * scale, picture.height); ++y)
        for (std::size_t x = left; x < std::min(left + letter_width * scale, picture.width); ++x) {
            const bool black = (letter[(y - top) / scale] >> (letter_width - 1 - (x - left) / scale) & 1) != 0;
            if (black) std::fill_n(&picture.pixels[(y * picture.width + x) * picture.channels], picture.channels, 0);
        }
}

} // namespace

Extent extent_of(std::string_view text, std::size_t scale) {
    std::size_t lines = 1, longest = 0, length = 0;
    for (const char c : text) {
        length = c == '\n' ? 0 : length + 1;
        lines += c == '\n' ? 1 : 0;
        longest = std::max(longest, length);
    }
    if (longest == 0) return {};
    return {((lines - 1) * line_step + letter_height) * scale, (longest * letter_step - 1) * scale};
}

void draw_text(Picture& picture, std::size_t top, std::size_t left, std::size_t scale, std::string_view text) {
    std::size_t x = left;
    for (const char c : text) {
        if (c == '\n') {
            top += line_step * scale;
            x = left;
            continue;
        }
        draw_letter(picture, top, x, scale, letter_of(c));
        x += letter_step * scale;
    }
}

} // namespace elbo::images

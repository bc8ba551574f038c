// Words for people: numbers with units, and the nearest known word to a misspelt one.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace elbo {

/// 1234567 -> "1,234,567".
std::string with_commas(std::uint64_t count);

/// Bytes with a binary unit and three digits: "47.0 MiB".
std::string human_bytes(double bytes);

/// Seconds as "0.42 s", "58 s", "3 min 05 s", "2 h 10 min".
std::string human_duration(double seconds);

/// Seconds of "3h50m", "90s", "1d", "1.5h": numbers with d, h, m or s, each unit once and larger ones first. nullopt
/// where the text is no such duration, or is none longer than 0.
std::optional<double> parse_duration(std::string_view text);

/// Bytes of "8GiB", "512 MiB", "1.5TB", "4096": B, KiB ... TiB by 1024, kB ... TB by 1000. nullopt where the text is
/// none, or no whole number of bytes from 1 to 2^53.
std::optional<std::uint64_t> parse_bytes(std::string_view text);

/// The candidate with the smallest edit distance (Damerau-Levenshtein: swaps of neighbours count one), or an empty view
/// where none is within a third of the longer word's length.
std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);

/// Text broken between words into lines of at most so many columns, each indented; no newline at the end.
std::string wrapped(std::string_view text, std::size_t indent, std::size_t columns = 80);

/// The text up to so many characters, with ? for those that are no printable ASCII: of files that may hold anything.
std::string printable(std::string_view text, std::size_t most = 60);

/// Less in an order in which "part-9" comes before "part-10": runs of digits compare as numbers.
bool natural_less(std::string_view a, std::string_view b);

/// Joins words as "a, b, c".
std::string joined(std::span<const std::string_view> words, std::string_view separator = ", ");

} // namespace elbo

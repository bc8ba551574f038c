// The list of everything that is wrong with a configuration, thrown as one error.
#pragma once

#include "config/tree.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace elbo::config {

class Mistakes {
public:
    /// path: "training.epochs", left out where the place already ends in it.
    void add(const Place& place, std::string_view path, std::string_view message);

    bool any() const { return !lines_.empty(); }

    /// Throws InputError with a line each: lines of the file in their order, then what is missing in it, then the
    /// command line. Nothing where there are none.
    void raise() const;

private:
    struct Line {
        int group;
        int number;
        std::string text;
    };
    std::vector<Line> lines_;
};

/// The nearest of the candidates, or nothing where the word is like none of them (or absurdly long).
std::string_view nearest_word(std::string_view word, std::span<const std::string_view> candidates);

/// "; did you mean bernoulli? known: bernoulli, gaussian", without the question where suggested is empty.
std::string hint(std::string_view suggested, std::span<const std::string_view> known);

struct UnknownKey {
    std::string message;
    std::string suggested; ///< the path that was probably meant, or ""
};

/// What to say of a key that a section lacks. more: names that may stand there besides the core keys.
UnknownKey unknown_key(std::string_view section, std::string_view name, std::span<const std::string_view> more);

} // namespace elbo::config

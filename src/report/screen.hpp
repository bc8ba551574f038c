// What standard output and standard error are: terminals or not, how wide, and whether they show colours.
#pragma once

#include <cstddef>
#include <string>

namespace elbo::report {

enum class Colour { none, green, yellow };

class Screen {
public:
    /// descriptor: STDOUT_FILENO or STDERR_FILENO. Of a rank that Open MPI has started it is what mpirun's own is.
    explicit Screen(int descriptor);

    bool is_terminal() const { return !terminal_.empty(); }
    /// True for a terminal that knows how to begin a line again: all but TERM=dumb.
    bool can_rewrite() const { return is_terminal() && !dumb_; }
    bool has_colours() const { return can_rewrite() && coloured_; }

    /// Of the terminal as wide as it is now, 40 at least; 80 where nobody knows.
    std::size_t columns() const;

    /// Bold and in a colour, where there are colours.
    std::string painted(const std::string& text, Colour colour) const;

    /// On a terminal, with lines that are too long for it broken between words and indented as they were.
    std::string fitted(const std::string& text) const;

private:
    std::string terminal_; ///< a path that it can be opened under; "" where it is none
    bool dumb_, coloured_;
};

} // namespace elbo::report

#include "commands/classes.hpp"

#include "base/error.hpp"
#include "base/text.hpp"

#include <algorithm>
#include <cmath>

namespace elbo::commands {
namespace {

constexpr std::size_t most_classes = 10000;

} // namespace

Classes classes_of(const training::ProbeData& data) {
    const data::LabelValues& fit = data.fit.labels;
    Classes classes;
    for (std::size_t i = 0; i < fit.values.size(); ++i)
        if (std::floor(fit.values[i]) != fit.values[i])
            reject("{}: holds {:.6g} for sample {}; classes are whole numbers, and factors need two columns or more",
                   fit.name, fit.values[i], with_commas(data.fit.rows[i]));
    std::vector<double> all = fit.values;
    all.insert(all.end(), data.held_out.labels.values.begin(), data.held_out.labels.values.end());
    classes.values = data::different_values({all.data(), all.size(), 1}, 0, most_classes);
    if (classes.values.empty())
        reject("{}: more than {} different values; are these classes?", fit.name, with_commas(most_classes));
    classes.fit = data::places_of(fit.matrix(), 0, classes.values);
    classes.held_out = data::places_of(data.held_out.labels.matrix(), 0, classes.values);
    std::vector<bool> seen(classes.values.size());
    for (const std::uint32_t c : classes.fit) seen[c] = true;
    if (std::ranges::count(seen, true) < 2)
        reject("{}: all {} samples to fit to are of class {:.6g}; a classifier needs two classes", fit.name,
               with_commas(fit.rows()), fit.values.front());
    classes.unseen =
        static_cast<std::size_t>(std::ranges::count_if(classes.held_out, [&](std::uint32_t c) { return !seen[c]; }));
    return classes;
}

} // namespace elbo::commands

#include "commands/traversal.hpp"

namespace elbo::commands {

std::vector<float> places(double range, std::size_t steps) {
    std::vector<float> values;
    for (std::size_t step = 0; step < steps; ++step)
        values.push_back(
            static_cast<float>(range * (2 * static_cast<double>(step) / static_cast<double>(steps - 1) - 1)));
    return values;
}

std::vector<float> traversal_codes(std::span<const float> code, std::span<const Ranked> ranked,
                                   std::span<const float> at) {
    std::vector<float> codes;
    for (const Ranked& one : ranked)
        for (const float value : at) {
            codes.insert(codes.end(), code.begin(), code.end());
            codes[codes.size() - code.size() + one.dimension] = value;
        }
    return codes;
}

} // namespace elbo::commands

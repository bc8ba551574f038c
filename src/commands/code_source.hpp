// Where the codes come from that samples are made of: the prior, the posteriors of data, or a Gaussian mixture fitted
// to their means.
#pragma once

#include "commands/asked.hpp"
#include "report/terminal.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace elbo::commands {

struct CodeOptions {
    std::string from = "prior"; ///< prior, posterior or mixture:K
    std::string data;           ///< of posteriors; empty: what the run validates with
    double temperature = 1;     ///< a factor on deviations
    std::uint32_t seed = 0;
};

class CodeSource {
public:
    virtual ~CodeSource() = default;
    /// Says what codes are made of, and fits what is to be fitted. Collective, before the first draw.
    virtual void prepare(report::Terminal&) {}
    /// Codes number first, first + 1 ...: functions of their numbers. z: [rows, latent], at most pass_rows rows.
    virtual void draw(std::uint64_t first, Matrix<float> z) = 0;
};

/// Throws InputError where there is no such source, or it takes no data.
void require_code_source(const CodeOptions& options);

/// Reads the data where there is any. The model outlives it. Collective.
std::unique_ptr<CodeSource> open_code_source(AskedModel& asked, const CodeOptions& options);

} // namespace elbo::commands

#include "convert/generated.hpp"

#include "base/error.hpp"

namespace elbo::convert {

std::vector<Part> generated_parts(const Request& request, const std::vector<Field>& fields) {
    const std::size_t train = request.train.value_or(20000), test = request.test.value_or(2000);
    if (train == 0) reject("--train 0: expected at least one sample");
    if (request.sources.size() > 1) reject("{}: a generator stands alone", request.sources.back());
    std::vector<Part> parts = {{"train", train, fields}};
    if (test > 0) parts.push_back({"test", test, fields});
    return parts;
}

} // namespace elbo::convert

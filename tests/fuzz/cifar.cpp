#include "fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const elbo::testing::FileInMemory file(data, size);
    elbo::convert::Request request;
    request.sources = {file.path()};
    elbo::testing::read_all(elbo::convert::cifar_format(), request);
    return 0;
}

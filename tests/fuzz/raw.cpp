// The first three bytes are height, width and type; the rows follow.
#include "fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 3) return 0;
    const elbo::testing::FileInMemory file(data + 3, size - 3);
    elbo::convert::Request request;
    request.sources = {file.path(), file.path()};
    request.shape = elbo::Shape{data[0] + std::size_t{1}, data[1] + std::size_t{1}};
    request.type = static_cast<elbo::storage::ElementType>(data[2] % 10);
    request.big_endian = data[2] >= 128;
    elbo::testing::read_all(elbo::convert::raw_format(), request);
    return 0;
}

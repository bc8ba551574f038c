// The first byte chooses options; the table follows.
#include "fuzz/fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using elbo::convert::Missing;
    if (size == 0) return 0;
    const elbo::testing::FileInMemory file(data + 1, size - 1);
    elbo::convert::Request request;
    request.sources = {file.path()};
    const unsigned choice = data[0];
    request.missing = choice % 3 == 0 ? Missing::error : choice % 3 == 1 ? Missing::zero : Missing::mean;
    if ((choice & 4) != 0) request.label_column = (choice & 8) != 0 ? "1" : "label";
    if ((choice & 16) != 0) request.columns = "2-3";
    if ((choice & 32) != 0) request.header = (choice & 64) != 0;
    if ((choice & 128) != 0) request.type = elbo::storage::ElementType::u8;
    elbo::testing::read_all(elbo::convert::csv_format(), request);
    return 0;
}

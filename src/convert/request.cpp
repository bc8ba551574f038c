#include "convert/convert.hpp"

#include "storage/posix.hpp"

namespace elbo::convert {

namespace fs = std::filesystem;

fs::path scratch_folder(const Request& request) { return storage::existing_part(storage::folder_of(request.output)); }

} // namespace elbo::convert

#include "convert/convert.hpp"

namespace elbo::convert {

namespace fs = std::filesystem;

fs::path scratch_folder(const Request& request) {
    fs::path folder = fs::absolute(request.output).parent_path();
    while (!fs::exists(folder) && folder.has_relative_path()) folder = folder.parent_path();
    return folder;
}

} // namespace elbo::convert

// HDF5's core driver asks callbacks for its memory: here they answer with a vector's.
#include "storage/memory_file.hpp"

#include <cstring>

namespace elbo::storage {

namespace {

void* image_allocate(std::size_t size, H5FD_file_image_op_t, void* vector) {
    auto& bytes = *static_cast<std::vector<std::byte>*>(vector);
    try {
        if (bytes.size() < size) bytes.resize(size);
    } catch (...) {
        return nullptr;
    }
    return bytes.data();
}
void* image_copy(void* to, const void* from, std::size_t size, H5FD_file_image_op_t, void*) {
    return to == from ? to : std::memcpy(to, from, size);
}
void* image_grow(void*, std::size_t size, H5FD_file_image_op_t operation, void* vector) {
    return image_allocate(size, operation, vector);
}
herr_t image_free(void*, H5FD_file_image_op_t, void*) { return 0; }
void* image_same(void* vector) { return vector; }
herr_t image_leave(void*) { return 0; }

} // namespace

PropertiesHandle memory_file(std::vector<std::byte>& bytes) {
    PropertiesHandle access(H5Pcreate(H5P_FILE_ACCESS), "file in memory");
    checked(H5Pset_fapl_core(access.get(), 1 << 16, false), "file in memory");
    H5FD_file_image_callbacks_t callbacks = {image_allocate, image_copy,  image_grow, image_free,
                                             image_same,     image_leave, &bytes};
    checked(H5Pset_file_image_callbacks(access.get(), &callbacks), "file in memory");
    return access;
}

std::string memory_name() {
    static std::size_t count = 0;
    return fmt::format("/dev/null/elbo-checkpoint-{}", ++count);
}

} // namespace elbo::storage

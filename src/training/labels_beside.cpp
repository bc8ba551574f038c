#include "training/labels_beside.hpp"

#include "base/error.hpp"

#include <algorithm>

namespace elbo::training {

bool holds(const std::vector<storage::DatasetInfo>& datasets, std::string_view name) {
    return std::ranges::find(datasets, name, &storage::DatasetInfo::name) != datasets.end();
}

storage::Outside outside_of(const config::Data& settings) {
    return settings.allow_external ? storage::Outside::allowed : storage::Outside::refused;
}

std::string last_of(const std::string& name) { return name.substr(name.rfind('/') + 1); }

storage::DatasetReader labels_beside(const storage::DatasetInfo& samples, const std::string& name, const char* option,
                                     storage::Outside outside) {
    if (!samples.locations.empty())
        reject("{}:{}: name the labels of these {} files with {}", samples.file, samples.name, samples.locations.size(),
               option);
    const std::string dataset = samples.name.substr(0, samples.name.rfind('/') + 1) + name;
    if (!holds(storage::list_datasets(samples.file, outside), dataset))
        reject("{}: holds no {} with labels of {}; name them with {} FILE:/dataset", samples.file, dataset,
               samples.name, option);
    return storage::DatasetReader(samples.file, dataset, outside);
}

} // namespace elbo::training
